"""The forward half of a pass by repetition: any model whose operations have rules."""

from collections.abc import Sequence

from torch import Tensor

from gnlab.summaries.forward import Carried, Way, jets_beyond
from gnlab.summaries.replay.cache import Origins, Told, sighted
from gnlab.summaries.replay.room import largest
from gnlab.summaries.replay.signature import Signature


def carried(way: Way) -> Carried:
    """Carry the jets of all groups forward at once, by repetition if that is possible.

    Args:
        way: What they have to go through.

    Returns:
        What they add up to.
    """
    if jets_beyond(way.tape, way.groups, largest(way.device)):
        return way.carry()
    sight = sighted(lambda: Signature(way), way.device)
    found = None if sight is None else sight.answer(way.carry, _told, _made)
    return way.carry() if found is None else found


def _told(found: Carried) -> Told:
    return [found.found, found.slopes, *found.parts], found.origins


def _made(tensors: Sequence[Tensor], origins: Origins) -> Carried:
    found, slopes, *parts = tensors
    return Carried(found, slopes, tuple(parts), origins)
