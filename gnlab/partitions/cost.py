"""What a summary at some level and its solve will take: multiply-accumulates, in one gradient's.

One gradient, the unit, is the forward pass, the gradients of all layers' inputs but the first's,
and those of the weights. A summary has the first two as well, and at each layer:

* the product of its inputs with the direction: one, or one for each group of its weight. Groups
  that own units share it; groups that own pieces of a unit's row need one for each piece of a row;
* a product for each derivative that reaches it: the first of every group that has started before,
  and the second where something bent is behind. Groups that own units of the layer before go
  together in colours: one product for all weights' units, or one for each piece of a row, and one
  for all biases';
* its weight's curvature with each of these: again a product for each, or where its weight has few
  groups one for each of those, and a product of the groups with each other;
* where two values are multiplied, as in attention, a product of every derivative with the other
  value, both ways, and of every two groups;
* at a bent function, and in the loss, the product of every two groups that have reached it. H̄ is
  symmetric: of many groups little more than a half is computed.

Next to these, what is done number by number is little, and not counted.

Legend: S groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gnlab.partitions.executed import Layer, gradient

_DOZEN, _MANY, _LARGE, _PARTS = 12, 64, 1024, 8
"""Rows of a symmetric product that are computed at once: up to a dozen, of more than 64 groups 64,
of a thousand an eighth of them."""


@dataclass(frozen=True, slots=True)
class Owners:
    """The groups that own a part of a layer, one product of it.

    Attributes:
        new: Those that start in it.
        weights: Those that own a part of its weight, whether they start here or before; the mean,
            where the product may be with any of several weights.
        colours: The rows that those that start here share; 0 if each has its own.
        pieces: In how many pieces each unit's row is divided; 1 for whole units.
        units: The units that the weight has; 0 if its groups own no units.
        gathered: Products, in those of the layer, by which a convolution gathers what each weight
            of a row is multiplied by; 0 for other layers.
        takes: Whether it takes the rows of colours of the layer before.
    """

    new: int = 0
    weights: float = 0
    colours: int = 0
    pieces: int = 1
    units: int = 0
    gathered: float = 0.0
    takes: bool = True


@dataclass(slots=True)
class _Jets:
    """The derivatives that have reached a value.

    Attributes:
        first: Groups that have a row each.
        second: Those of them with a second derivative.
        waiting: Groups in colours.
        colours: Their rows.
        bent: Whether they have second derivatives.
    """

    first: int = 0
    second: float = 0
    waiting: int = 0
    colours: int = 0
    bent: bool = False

    def apart(self) -> None:
        """Give every group a row of its own."""
        self.first += self.waiting
        self.second += self.waiting * self.bent
        self.waiting = self.colours = 0
        self.bent = False

    def start(self, own: Owners) -> None:
        """Let the groups of a layer start, behind those that are in it already."""
        self.apart()
        if own.colours:
            self.waiting, self.colours = own.new, own.colours
        else:
            self.first += own.new

    def multiply(self, layer: Layer) -> float:
        """Go through a product of two values; the work, without that of one of them."""
        rows = self.first + self.second
        work = (2 * rows + self.first) * layer.work + self.first**2 * layer.factors
        self.second = self.first
        return work

    def bend(self) -> float:
        """Go through a bent function; the multiplications for each of its values."""
        k, q = self.first, self.colours
        work = pairs(k, self.second) + q * (k + q)
        self.second, self.bent = k, True
        return work


def pairs(groups: int, second: float = 0) -> float:
    """The multiplications of every two of some groups, for each value.

    Args:
        groups: The groups, k of them.
        second: Those with a second derivative, which each is multiplied with as well.

    Returns:
        k² of a few, little more than half of it of many.
    """
    k = groups
    step = -(-k // _PARTS) if k >= _LARGE else _MANY if k > _MANY else _DOZEN
    at_once = k if k <= _DOZEN + 2 else step
    return sum(min(at_once, k - a) * (k - a) for a in range(0, k, max(at_once, 1))) + second


def in_gradients(layers: Sequence[Layer], owners: Sequence[Owners]) -> float:
    """The work of a summary of a chain of layers, in gradients.

    Args:
        layers: The layers in the order of their execution.
        owners: The groups that own a part of each.

    Returns:
        The work; 1 is one gradient's.
    """
    total: float = gradient(layers)
    jets, inputs = _Jets(), 0
    for layer, own in zip(layers, owners, strict=True):
        if not own.takes:
            jets.apart()
        rows = jets.first + jets.second
        total += (rows + jets.colours * (1 + jets.bent)) * layer.work
        if layer.factors:
            jets.apart()
            total += jets.multiply(layer)
        elif own.weights:
            total += _own(layer, own, jets, inputs)
        if own.new or layer.work:
            jets.start(own)
            # A group in the input and in the weight has a second derivative without anything bent.
            jets.second = min(max(jets.second, _both(own)), jets.first)
        if layer.curved:
            total += jets.bend() * layer.curved
        inputs = layer.values or inputs
    jets.apart()
    total += pairs(jets.first, jets.second) * (layers[-1].values if layers else 0)
    return total / max(gradient(layers), 1)


def solve(groups: int) -> float:
    """The work of a cubic solve.

    Args:
        groups: S.

    Returns:
        S³ multiply-accumulates, in double precision: two thirds reduce the matrix to tridiagonal
        form, the rest factors it for the answer's refinement and its proof. Next to the pole it is
        several times that.
    """
    return float(groups) ** 3


def _both(own: Owners) -> float:
    """The groups that own a part of a layer's weight, and have reached its input."""
    return max(own.weights - own.new, 0)


def _own(layer: Layer, own: Owners, jets: _Jets, inputs: int) -> float:
    """What the groups of a layer's weight add: their products, and their curvature with others.

    Args:
        layer: The layer.
        own: Its groups.
        jets: What has reached its input.
        inputs: The values of its input.

    Returns:
        Multiply-accumulates, without those of one product with the direction.
    """
    rows = jets.first + jets.second
    moved = 0.0
    both = min(_both(own), jets.first) * layer.work
    if own.units and own.pieces > 1:
        moved = (own.pieces - 1) * layer.work
        crossed = (rows + jets.colours) * (1 + own.gathered) * layer.work
    elif own.units and rows * own.units < 2 * (own.units + own.weights * rows):
        crossed = (rows + jets.colours) * layer.work
    else:
        products = 1 if own.units else own.weights
        moved = (products - 1) * layer.work
        crossed = (products if rows else 0) * layer.work + rows * own.weights * inputs
        crossed += jets.colours * (layer.work if own.units else own.weights * inputs)
    return both + moved + crossed
