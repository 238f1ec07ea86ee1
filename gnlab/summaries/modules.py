"""Which of a model's modules is computing: the name that an operation is recorded under."""

import functools

from torch import nn
from torch.utils.hooks import RemovableHandle


class Modules:
    """A context that knows which of a model's modules is computing.

    Args:
        model: The model, of which nothing is left changed.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._within: list[str] = []
        self._hooks: list[RemovableHandle] = []

    @property
    def now(self) -> str:
        """The innermost module's name; "" for the model itself."""
        return self._within[-1] if self._within else ""

    def __enter__(self) -> "Modules":
        for name, module in self._model.named_modules():
            self._hooks += [
                module.register_forward_pre_hook(functools.partial(self._enter, name)),
                module.register_forward_hook(self._leave, always_call=True),
            ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _enter(self, name: str, *_: object) -> None:
        self._within.append(name)

    def _leave(self, *_: object) -> None:
        self._within.pop()
