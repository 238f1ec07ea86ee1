"""Which of a model's modules is computing: the name that an operation is recorded under."""

import functools

from torch import nn


class Modules:
    """A context that knows which of a model's modules is computing.

    Args:
        model: The model, of which nothing is left changed.
    """

    def __init__(self, model: nn.Module) -> None:
        self._within: list[str] = []
        self._named = list(model.named_modules())
        # Torch numbers hooks upwards from zero. A handle for each would take longer than the rest.
        self._number = -id(self)

    @property
    def now(self) -> str:
        """The innermost module's name; "" for the model itself."""
        return self._within[-1] if self._within else ""

    def __enter__(self) -> "Modules":
        leave = self._leave
        for name, module in self._named:
            module._forward_pre_hooks[self._number] = functools.partial(self._enter, name)
            module._forward_hooks[self._number] = leave
            module._forward_hooks_always_called[self._number] = True
        return self

    def __exit__(self, *_: object) -> None:
        for _, module in self._named:
            for hooks in (
                module._forward_pre_hooks,
                module._forward_hooks,
                module._forward_hooks_always_called,
            ):
                hooks.pop(self._number, None)

    def _enter(self, name: str, *_: object) -> None:
        self._within.append(name)

    def _leave(self, *_: object) -> None:
        self._within.pop()
