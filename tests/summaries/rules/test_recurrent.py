"""Recurrent layers step by step, by differences and by the plain definition."""

import torch
from torch import nn

from gnlab.summaries.rules.recurrent import FORMULAS
from tests.summaries.rules.held import Formulated

X, H, LSTM, GRU, RNN = (3, 2, 2), (1, 2, 2), (8, 2), (6, 2), (2, 2)


def lstm(x, h, c, *weights):
    out, hn, cn = torch.lstm(x, (h, c), weights, len(weights) > 2, 1, 0.0, False, False, False)
    return out.sin(), hn * cn


def plain(function):
    def run(x, h, *weights):
        out, hn = function(x, h, weights, len(weights) > 2, 1, 0.0, False, False, False)
        return out.sin(), hn.exp()

    return run


def module(kind, **options):
    """A layer with weights of its own, of which the inputs and the first state depend on more."""
    torch.manual_seed(1)
    layer = kind(2, 3, 2, **options).double().requires_grad_(False)
    count = 2 * (1 + layer.bidirectional)

    def run(x, h):
        states = [h.expand(count, *h.shape).contiguous() * layer.hidden_size**0.5]
        if kind is nn.LSTM:
            size = layer.proj_size or layer.hidden_size
            states = [states[0][..., :size], states[0].cos()]
        out, end = layer(x, tuple(states) if kind is nn.LSTM else states[0])
        return out.sin(), end

    return run


def cell(kind, **options):
    torch.manual_seed(1)
    layer = kind(2, 3, **options).double().requires_grad_(False)
    if kind is nn.LSTMCell:
        return lambda x, h: [part.sin() for part in layer(x, (h, h.cos()))]
    return lambda x, h: layer(x, h).sin()


def one_sequence():
    torch.manual_seed(1)
    layer = nn.LSTM(2, 2).double().requires_grad_(False)
    return lambda x: layer(x)[0].sin()


OPERATIONS = {
    "lstm": (lstm, X, H, H, LSTM, LSTM, (8,), (8,)),
    "lstm: without biases": (lstm, X, H, H, LSTM, LSTM),
    "lstm: two ways": (module(nn.LSTM, bidirectional=True, batch_first=True), X, (3, 3)),
    "lstm: projected": (module(nn.LSTM, proj_size=2), X, (2, 3)),
    "lstm: dropout": (module(nn.LSTM, dropout=0.4), X, (2, 3)),
    "lstm: one sequence": (one_sequence(), (3, 2)),
    "gru": (plain(torch.gru), X, H, GRU, GRU, (6,), (6,)),
    "gru: two ways": (module(nn.GRU, bidirectional=True), X, (2, 3)),
    "gru: without biases": (module(nn.GRU, bias=False, batch_first=True), X, (3, 3)),
    "rnn_tanh": (plain(torch.rnn_tanh), X, H, RNN, RNN),
    "rnn_tanh: dropout, two ways": (module(nn.RNN, bidirectional=True, dropout=0.3), X, (2, 3)),
    "rnn_relu": (plain(torch.rnn_relu), X, H, RNN, RNN, (2,), (2,)),
    "lstm_cell": (cell(nn.LSTMCell), (2, 2), (2, 3)),
    "lstm_cell: without biases": (cell(nn.LSTMCell, bias=False), (2, 2), (2, 3)),
    "gru_cell": (cell(nn.GRUCell), (2, 2), (2, 3)),
    "rnn_tanh_cell": (cell(nn.RNNCell), (2, 2), (2, 3)),
    "rnn_relu_cell": (cell(nn.RNNCell, nonlinearity="relu"), (2, 2), (2, 3)),
}


def test_every_formula_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(FORMULAS)


class TestOperations(Formulated):
    def choices(self, name):
        # A difference takes other random numbers than the summary, or goes over relu's corner.
        return {"differences": "dropout" not in name and name != "rnn_relu"}
