"""Recurrent layers have their higher derivatives on a GPU too, and cuDNN's switch comes back."""

import threading

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.formulas.recurrent import RECURRENT, _without_cudnn

cudnn = torch.backends.cudnn
LAYERS = {
    "lstm": lambda: nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True),
    "gru": lambda: nn.GRU(3, 4, batch_first=True),
    "rnn": lambda: nn.RNN(3, 4, batch_first=True),
    "relu": lambda: nn.RNN(3, 4, nonlinearity="relu", batch_first=True),
}


class Last(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0][:, -1]


def test_cudnn_is_off_only_during_the_call():
    assert {layer.__name__ for layer in RECURRENT} == {"lstm", "gru", "rnn_tanh", "rnn_relu"}
    before = cudnn.enabled
    assert _without_cudnn(lambda value: (cudnn.enabled, value))(3) == (False, 3)
    assert cudnn.enabled == before
    with pytest.raises(ValueError, match="no"):
        _without_cudnn(lambda: int("no"))()
    assert cudnn.enabled == before


def test_of_overlapping_calls_the_last_puts_it_back():
    before = cudnn.enabled
    inside, leave = threading.Event(), threading.Event()

    def wait():
        inside.set()
        leave.wait(10)

    thread = threading.Thread(target=_without_cudnn(wait))
    thread.start()
    inside.wait(10)
    _without_cudnn(lambda: None)()
    assert not cudnn.enabled
    leave.set()
    thread.join()
    assert cudnn.enabled == before


@pytest.mark.parametrize("name", LAYERS)
def test_a_summary_calls_them_without_cudnn(name, monkeypatch):
    seen = []
    torch.manual_seed(0)
    model = Last(LAYERS[name]()).double()

    class Seen(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func in RECURRENT:
                seen.append(cudnn.enabled)
            return func(*args, **(kwargs or {}))

    x, y = torch.randn(2, 5, 3).double(), torch.randn(2, model.layer.hidden_size).double()
    y = torch.cat([y, y], 1) if model.layer.bidirectional else y
    with Seen():
        summarise(model, nn.MSELoss(), (x, y), partition(model, "all"), method="autodiff")
    assert set(seen) == {False}


@pytest.mark.gpu
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_a_gpu_gives_the_same(name, training):
    torch.manual_seed(0)
    model = Last(LAYERS[name]()).double().train(training)
    x = torch.randn(2, 5, 3).double()
    y = torch.randn_like(model(x))
    p, loss_fn = partition(model, "tensor"), nn.MSELoss()
    known = summarise(model, loss_fn, (x, y), p)
    found = summarise(model.cuda(), loss_fn, (x.cuda(), y.cuda()), p)
    for one, two in ((found.g, known.g), (found.H, known.H), (found.third, known.third)):
        torch.testing.assert_close(one.cpu(), two, rtol=1e-9, atol=1e-12)
