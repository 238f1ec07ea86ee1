"""Sequences of several lengths through recurrent layers, by differences and by definition."""

import pytest
import torch
from torch import nn
from torch.nn.utils import rnn

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.rules.packed import FORMULAS
from tests.summaries.rules.held import Formulated

X, FEW = (4, 3, 2), torch.tensor([4, 3, 1])
MIXED = torch.tensor([2, 4, 1])
DOUBLE = torch.float64


def packed(kind, lengths, **options):
    """A layer with weights of its own, between packing and padding; its first state is given."""
    torch.manual_seed(1)
    first = options.get("batch_first", False)
    layer = kind(2, 3, **options).double().requires_grad_(False)
    count = layer.num_layers * (1 + layer.bidirectional)

    def run(x, h=None):
        ordered = bool((lengths.diff() <= 0).all())
        given = rnn.pack_padded_sequence(
            x.transpose(0, 1) if first else x, lengths, first, enforce_sorted=ordered
        )
        states = None
        if h is not None:
            states = h.sin().expand(count, *h.shape).contiguous() * 0.7
            if kind is nn.LSTM:
                size = layer.proj_size or layer.hidden_size
                states = states[..., :size], states.cos()
        out, end = layer(given, states)
        padded, _ = rnn.pad_packed_sequence(out, first, padding_value=0.3, total_length=5)
        return padded.sin(), end

    return run


def several(x, y, z):
    given = x.sin(), y, torch.ones(1, 2, dtype=DOUBLE), z
    return rnn.pad_sequence(given, padding_value=0.5).sin(), rnn.pad_sequence(given, True).cos()


def of_sequences():
    torch.manual_seed(1)
    layer = nn.GRU(2, 2).double().requires_grad_(False)

    def run(x, y):
        out, end = layer(rnn.pack_sequence([x, y], enforce_sorted=False))
        return out.data.sin(), end

    return run


OPERATIONS = {
    "_pack_padded_sequence": (lambda x: rnn.pack_padded_sequence(x, FEW).data.sin(), X),
    "_pack_padded_sequence: samples first": (
        lambda x: rnn.pack_padded_sequence(x.sin(), MIXED, True, enforce_sorted=False)[0].exp(),
        (3, 4, 1, 2),
    ),
    "_pad_packed_sequence: lstm": (packed(nn.LSTM, FEW), X, (3, 3)),
    "_pad_packed_sequence: lstm, mixed": (packed(nn.LSTM, MIXED, batch_first=True), X, (3, 3)),
    "_pad_packed_sequence: lstm, two ways, two layers": (
        packed(nn.LSTM, MIXED, bidirectional=True, num_layers=2), X,
    ),
    "_pad_packed_sequence: lstm, projected": (
        packed(nn.LSTM, FEW, proj_size=2, bidirectional=True, batch_first=True), X, (3, 3),
    ),
    "_pad_packed_sequence: gru, two layers": (packed(nn.GRU, FEW, num_layers=2), X, (3, 3)),
    "_pad_packed_sequence: gru, two ways": (
        packed(nn.GRU, MIXED, bidirectional=True, bias=False), X, (3, 3),
    ),
    "_pad_packed_sequence: dropout": (
        packed(nn.GRU, MIXED, num_layers=2, dropout=0.4, batch_first=True), X,
    ),
    "_pad_packed_sequence: rnn": (packed(nn.RNN, MIXED, bidirectional=True), X, (3, 3)),
    "_pad_packed_sequence: rnn_relu": (packed(nn.RNN, FEW, nonlinearity="relu"), X),
    "_pad_packed_sequence: all as long": (packed(nn.RNN, torch.tensor([4, 4, 4])), X),
    "pad_sequence": (several, (3, 2), (1, 2), (2, 2)),
    "pad_sequence: packed": (of_sequences(), (2, 2), (3, 2)),
}  # fmt: skip


def test_every_formula_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(FORMULAS)


class TestOperations(Formulated):
    def choices(self, name):
        # A difference takes other random numbers than the summary.
        return {"differences": "dropout" not in name}


class Reader(nn.Module):
    """The mean of what a layer makes of each sequence of tokens, of which zero is none."""

    def __init__(self, kind, **options):
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(5, 2, padding_idx=0)
        self.layer = kind(2, 2, batch_first=True, **options)
        self.last = nn.Linear(2 * (1 + self.layer.bidirectional), 2)
        self.double()

    def forward(self, tokens):
        lengths = (tokens > 0).sum(1)
        given = rnn.pack_padded_sequence(self.table(tokens), lengths, True, enforce_sorted=False)
        out, _ = rnn.pad_packed_sequence(self.layer(given)[0], batch_first=True)
        return self.last(out.sum(1) / lengths[:, None])


TOKENS = torch.tensor([[1, 3, 0, 0], [4, 1, 2, 3], [2, 0, 0, 0], [3, 4, 4, 0]])


@pytest.mark.parametrize("level", ["all", "tensor", "unit", "element"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [(nn.LSTM, {"bidirectional": True}), (nn.GRU, {"num_layers": 2}), (nn.RNN, {})],
    ids=["lstm", "gru", "rnn"],
)
def test_a_reader_of_sentences_at_every_level(kind, options, level):
    model = Reader(kind, **options)
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    data = TOKENS, torch.randn(4, 2, dtype=DOUBLE)
    given = model, nn.MSELoss(), data, partition(model, level), u
    fast, plain = summarise(*given, method="jets"), summarise(*given, method="autodiff")
    for found, known in ((fast.g, plain.g), (fast.H, plain.H), (fast.third, plain.third)):
        assert (found - known).abs().max() <= 1e-12 * known.abs().max()


def test_other_lengths_are_no_repetition_of_these():
    """Batches of as many tokens, divided otherwise, at every second step."""
    model = Reader(nn.GRU)
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    p, target = partition(model, "tensor"), torch.randn(4, 2, dtype=DOUBLE)
    other = torch.tensor([[1, 3, 0, 0], [4, 1, 2, 0], [2, 3, 3, 0], [3, 4, 0, 0]])
    known = {}
    for tokens in (TOKENS, other) * 5:
        given = model, nn.MSELoss(), (tokens, target), p, u
        found = summarise(*given, method="jets")
        if id(tokens) not in known:
            known[id(tokens)] = summarise(*given, method="autodiff")
        assert (found.H - known[id(tokens)].H).abs().max() <= 1e-13
