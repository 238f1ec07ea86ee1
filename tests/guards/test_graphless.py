import pytest
import torch

from gnlab.guards.graphless import graphless


def test_what_needs_no_graph_is_called_once_without():
    seen = []
    assert graphless(lambda: seen.append(torch.is_grad_enabled()) or 3) == 3
    assert seen == [False]
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("outside", [True, False])
def test_what_takes_gradients_itself_is_called_with_one(outside):
    def evaluate():
        x = torch.tensor([2.0], requires_grad=True)
        [slope] = torch.autograd.grad((x**3).sum(), x, create_graph=True)
        return slope.item()

    with torch.set_grad_enabled(outside):
        assert graphless(evaluate) == 12
        assert torch.is_grad_enabled() is outside


def test_another_error_is_the_models_own():
    calls = []

    def evaluate():
        calls.append(1)
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        graphless(evaluate)
    assert len(calls) == 1
