"""Which of a model's modules train: a person may have frozen some, as a batch norm's statistics."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn


class Modes:
    """Keeps a model's modules in training or evaluation mode as a person has put them.

    Args:
        model: The model; in evaluation mode as a whole, as many come, it is meant to train.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._frozen: list[nn.Module] = []
        self.train()

    def train(self) -> None:
        """Put the model in training mode, but for what was frozen when it last was in it."""
        if self._model.training:
            self._frozen = [module for module in self._model.modules() if not module.training]
            return
        self._model.train()
        for module in self._frozen:
            module.training = False

    @property
    def frozen(self) -> tuple[int, ...]:
        """Which modules are frozen, also while the model is in evaluation mode, by their places."""
        modules = list(self._model.modules())
        if self._model.training:
            return tuple(k for k, module in enumerate(modules) if not module.training)
        frozen = {id(module) for module in self._frozen}
        return tuple(k for k, module in enumerate(modules) if id(module) in frozen)

    def freeze(self, frozen: Sequence[int]) -> None:
        """Put the model in training mode, but for some modules.

        Args:
            frozen: Their places, as ``frozen`` has them of a model like it.
        """
        self._model.train()
        for k, module in enumerate(self._model.modules()):
            module.training = k not in frozen
        self.train()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """A context in which a model is in evaluation mode; each module is in its own after it.

    Args:
        model: The model.

    Yields:
        Nothing.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
