"""Notices: the last thing that a person is told of a run."""


class Notice:
    """What is told, until something else is.

    Attributes:
        text: One or two lines; "" for nothing.
        severity: "info", "warning" or "error".
    """

    def __init__(self) -> None:
        self.tell("", "info")

    def tell(self, text: str, severity: str) -> None:
        """Have something told.

        Args:
            text: One or two lines; "" to take back what was told.
            severity: "info", "warning" or "error".
        """
        self.text, self.severity, self._of_step = text, severity, False

    def tell_of_step(self, warning: str) -> bool:
        """Have a step's warning told, and taken back once a step has none.

        Args:
            warning: The warning; "" for none.

        Returns:
            Whether it should be seen at once: one in place of another need not.
        """
        if bool(warning) == self._of_step:
            self.text = warning or self.text
            return False
        self.tell(warning, "warning" if warning else "info")
        self._of_step = bool(warning)
        return True
