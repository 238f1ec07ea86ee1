"""What a person who knows torch's optimizers may do: it works, or is refused in one line."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from gnlab.directions import NAMES
from gnlab.errors import InputError
from gnlab.optimizers import GroupedNewton


@pytest.fixture
def moving(classifier, data, one_step):
    """Makes a model and its optimizer whose next step moves every group without a summary."""

    def make(direction: str = "momentum", partition: str = "tensor"):
        [batch] = data(1)
        model = classifier()
        optimizer = GroupedNewton(
            model, cross_entropy, [batch], partition, period=100, direction=direction
        )
        one_step(model, optimizer, batch, cross_entropy)
        optimizer.step_sizes = torch.full_like(optimizer.step_sizes, 0.1)
        optimizer.zero_grad()
        cross_entropy(model(batch[0]), batch[1]).backward()
        return model, optimizer, batch

    return make


@pytest.mark.parametrize("direction", NAMES)
@pytest.mark.parametrize("shape", [[7, 4], [1, 4], [2, 6, 4], []])
def test_values_of_another_shape_are_named_before_anything_moves(shape, direction, moving):
    model, optimizer, _ = moving(direction)
    start = model[2].weight.clone()
    model[0].weight.data = torch.zeros(shape, dtype=torch.float64)
    wanted = rf"'0.weight' is {shape} now and was \[6, 4\]".replace("is [", r"is \[")
    with pytest.raises(InputError, match=rf"{wanted}.*change\(partition='tensor'\)"):
        optimizer.step()
    assert torch.equal(model[2].weight, start)
    assert not model[0].weight.any()
    assert optimizer.steps == 1


@pytest.mark.parametrize("shape", [[6, 1], [1, 4]])
@pytest.mark.parametrize("partition", ["tensor", "unit"])
def test_values_that_repeat_are_named_before_anything_moves(shape, partition, moving):
    model, optimizer, _ = moving(partition=partition)
    start = model[2].weight.clone()
    model[0].weight.data = torch.ones(shape, dtype=torch.float64).expand(6, 4)
    with pytest.raises(InputError, match=r"'0.weight' are in one memory .*\.expand\(\)"):
        optimizer.step()
    assert torch.equal(model[2].weight, start)


@pytest.mark.parametrize("direction", NAMES)
def test_a_new_partition_goes_on_with_values_of_another_shape(direction, moving, one_step, data):
    [batch] = data(1)
    model, optimizer, _ = moving(direction)
    for p, shape in ((model[0].weight, [7, 4]), (model[0].bias, [7]), (model[2].weight, [3, 7])):
        p.data = torch.randn(shape, generator=torch.Generator().manual_seed(0)).double()
    optimizer.change(partition="tensor")
    with pytest.raises(InputError, match=r"gradient of '0.weight' is \[6, 4\].*zero_grad\(\)"):
        optimizer.step()
    before = [p.detach().clone() for p in model.parameters()]
    one_step(model, optimizer, batch, cross_entropy)
    optimizer.step_sizes = torch.full_like(optimizer.step_sizes, 0.1)
    one_step(model, optimizer, batch, cross_entropy)
    assert all(not torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("given", ["loss", 5])
def test_what_is_no_closure_is_named(given, moving):
    model, optimizer, (x, y) = moving()
    closure = cross_entropy(model(x), y) if given == "loss" else given
    before = model[0].weight.clone()
    with pytest.raises(
        InputError, match=r"closure must be a function, or left out, as in step\(\); got"
    ):
        optimizer.step(closure)
    assert torch.equal(model[0].weight, before)


@pytest.mark.parametrize("given", [None, [], "mse"])
def test_what_is_no_loss_is_named_at_once(given, classifier, data):
    with pytest.raises(InputError, match=r"loss_fn must be a function"):
        GroupedNewton(classifier(), given, data(1))


def test_parameters_in_place_of_the_model_are_refused_in_one_line(classifier, data):
    model = classifier()
    for given in (list(model.parameters()), [{"params": list(model.parameters())}]):
        with pytest.raises(InputError, match=r"torch.nn.Module; got") as caught:
            GroupedNewton(given, cross_entropy, data(1))
        assert len(str(caught.value).splitlines()) == 1
        assert len(str(caught.value)) < 160


@pytest.mark.parametrize("period", [1, 100])
def test_batches_of_another_dtype_than_the_models_are_named(period, classifier, data):
    [(x, y)] = data(1)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, [(x, y)], period=period)
    model.float()
    cross_entropy(model(x.float()), y).backward()
    with pytest.raises(InputError, match=r"float64.*model.*float32.*give"):
        optimizer.step()
