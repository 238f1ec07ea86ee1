"""A start: the settings with which a run begins or is to begin anew, and what waits for it."""

from gnlab.runs.engine.commands import Branch, Command, Pace, Pause, Play, Step
from gnlab.runs.settings import Settings

_ANY_TIME = (Play, Pause, Step, Pace, Branch)


class Start:
    """The start that was last asked for.

    Args:
        settings: The first start's settings.

    Attributes:
        settings: The settings being loaded, or the present ones.
        under_way: Whether they are still being loaded.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.under_way = False
        self._held: list[Command] = []

    def begin(self, settings: Settings) -> None:
        """Wait for a run with other settings.

        Args:
            settings: The settings.
        """
        self.settings, self.under_way = settings, True

    def hold(self, command: Command) -> bool:
        """Keep a command until the run is there, if it depends on it.

        Args:
            command: The command.

        Returns:
            Whether it was kept: all that follow one that was are too, to be carried out in order.
        """
        if not self.under_way or (isinstance(command, _ANY_TIME) and not self._held):
            return False
        self._held.append(command)
        return True

    def end(self, settings: Settings) -> list[Command]:
        """Wait no longer, whether the run has come or could not be loaded.

        Args:
            settings: The settings of the run that there is now.

        Returns:
            The commands that were kept, in their order.
        """
        self.settings, self.under_way = settings, False
        held, self._held = self._held, []
        return held
