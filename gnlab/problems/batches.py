"""The order of the data: which samples the k-th batch holds.

The order is a pure function of (size, batch size, seed, purpose, k). Nothing is remembered
between calls but a copy of the last epoch's order, so a run that is rewound, branched, saved or
resumed meets the same batches again, bit for bit, from any step on.

Legend: N samples, B batch size.
"""

import math

import torch
from torch import Tensor

from gnlab.errors import InputError, check_number
from gnlab.problems.streams import Stream, generator


class Batches:
    """An endless sequence of batches: every epoch a new order, every sample at most once in it.

    The last N mod B samples of an epoch's order are left out of that epoch, so that every batch
    has the same size and every step the same meaning.

    Args:
        size: N, the number of samples.
        batch_size: B, samples per batch, from 1 to N.
        seed: The run's seed.
        stream: The purpose; batches of gradients and of summaries are independent.

    Raises:
        InputError: If the batch size is not a whole number from 1 to N.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int,
        stream: Stream = Stream.train_batches,
    ) -> None:
        name = "summary_batch_size" if stream is Stream.summary_batches else "batch_size"
        check_number(name, batch_size, low=1, integer=True)
        if size < 1:
            raise InputError("the training data hold no sample; a run needs one at least.")
        if batch_size > size:
            raise InputError(
                f"{name} must be at most {size}, the number of training samples; got {batch_size}."
            )
        self.size = size
        self.batch_size = int(batch_size)
        self.seed = seed
        self.stream = stream
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64, device="cpu")
        generator(seed, stream)  # a bad seed shall fail here, not at the first batch

    @property
    def per_epoch(self) -> int:
        """The number of batches in one epoch, ⌊N / B⌋."""
        return self.size // self.batch_size

    def epoch(self, steps: int) -> float:
        """How many epochs a number of finished steps amounts to; whole at an epoch's end."""
        return steps / self.per_epoch

    def after(self, other: "Batches", drawn: int) -> int:
        """Where to go on in the middle of an epoch that was begun in batches of another size.

        Args:
            other: The same order in batches of the other size.
            drawn: How many of those were drawn.

        Returns:
            The number of the next batch of this size: no sample that was drawn in this epoch
            comes again in it, and ``epoch`` does not go back.
        """
        epochs, batches = divmod(drawn, other.per_epoch)
        samples = math.ceil(batches * other.batch_size / self.batch_size)
        share = math.ceil(batches * self.per_epoch / other.per_epoch)
        return epochs * self.per_epoch + min(self.per_epoch, max(samples, share))

    def indices(self, step: int) -> Tensor:
        """The samples of one batch.

        Args:
            step: The batch's number over all epochs, from 0.

        Returns:
            Positions of the samples, int64 [B].
        """
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            source = generator(self.seed, self.stream, epoch)
            self._order = torch.randperm(self.size, generator=source, device="cpu")
            self._epoch = epoch
        start = position * self.batch_size
        return self._order[start : start + self.batch_size].clone()
