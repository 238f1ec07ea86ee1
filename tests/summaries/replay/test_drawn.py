"""Random numbers drawn while a summary is recorded, by itself or by another thread."""

import pytest
import torch
from torch import nn

from gnlab.summaries import replay
from gnlab.summaries.compute import Computation
from gnlab.summaries.evaluation.evaluation import Evaluation


@pytest.fixture(autouse=True, params=["the whole", "the forward half"])
def _in_whole_or_in_part(nothing_kept, monkeypatch, request):
    if request.param != "the whole":
        monkeypatch.setattr(Computation, "_repeated", lambda *_: None)


def network():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def batch():
    return torch.randn(6, 4, dtype=torch.float64), torch.randint(3, (6,))


@pytest.mark.parametrize("sight", range(3))
def test_random_numbers_drawn_meanwhile_by_whomever_are_no_error(monkeypatch, agree, sight):
    drawn = iter([number == sight for number in range(100)])
    monkeypatch.setattr(Evaluation, "drew", lambda self: next(drawn))
    model = network()
    for _ in range(6):
        agree(model, batch())
    assert replay.kept() == 1


def test_who_always_draws_is_given_up(monkeypatch, agree, request):
    asked = []
    monkeypatch.setattr(Evaluation, "drew", lambda self: asked.append(1) or True)
    model = network()
    for _ in range(12):
        agree(model, batch())
    whole = request.node.callspec.params["_in_whole_or_in_part"] == "the whole"
    assert len(asked) == (3 if whole else 0)
    assert replay.kept() == 1  # the half that comes after, which draws nothing
