"""GroupedNewton's memory: saved, resumed, refused where it is another's."""

import copy
import io

import pytest
import torch
from torch.nn.functional import cross_entropy

from gnlab.directions import NAMES
from gnlab.errors import InputError
from gnlab.optimizers import GroupedNewton
from gnlab.problems.surfaces import loss_is_output as value

NOTHING = (torch.zeros(1), torch.zeros(1))


@pytest.mark.parametrize("safeguard", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_resumes_bit_for_bit(name, safeguard, one_step, classifier, data, flat):
    batches = data(5)
    model = classifier()
    optimizer = GroupedNewton(
        model, cross_entropy, batches, lr=0.5, period=3, direction=name, safeguard=safeguard
    )
    for k in range(7):
        one_step(model, optimizer, batches[k % 5], cross_entropy)
    saved = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict()], saved)
    saved.seek(0)

    resumed = classifier(seed=9)
    second = GroupedNewton(resumed, cross_entropy, batches, period=1, direction="gradient")
    states = torch.load(saved, weights_only=True)
    resumed.load_state_dict(states[0])
    second.load_state_dict(states[1])
    for k in range(7, 17):
        one_step(model, optimizer, batches[k % 5], cross_entropy)
        one_step(resumed, second, batches[k % 5], cross_entropy)
    assert torch.equal(flat(model), flat(resumed))
    assert torch.equal(optimizer.step_sizes, second.step_sizes)


def test_state_dict_does_not_follow_later_steps(one_step, classifier, data):
    [batch] = data(1)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, [batch], period=1)
    one_step(model, optimizer, batch, cross_entropy)
    saved = optimizer.state_dict()
    frozen = copy.deepcopy(saved)
    for _ in range(3):
        one_step(model, optimizer, batch, cross_entropy)
    assert torch.equal(
        saved["grouped_newton"]["step_sizes"], frozen["grouped_newton"]["step_sizes"]
    )
    for key, state in saved["state"].items():
        assert torch.equal(state["momentum"], frozen["state"][key]["momentum"])


def test_a_foreign_state_is_refused(quadratic, elements):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING], "all")
    with pytest.raises(InputError, match="another optimizer"):
        optimizer.load_state_dict(torch.optim.SGD(model.parameters(), lr=0.1).state_dict())
    other = GroupedNewton(model, value, [NOTHING], elements(model))
    with pytest.raises(InputError, match=r"S = 6 groups.*S = 1"):
        optimizer.load_state_dict(other.state_dict())


@pytest.mark.gpu
def test_a_state_read_onto_a_gpu_goes_on(classifier, data, one_step):
    [batch] = [(x.cuda(), y.cuda()) for x, y in data(1)]
    model, saved = classifier().cuda(), io.BytesIO()
    optimizer = GroupedNewton(model, cross_entropy, [batch], period=1)
    one_step(model, optimizer, batch, cross_entropy)
    torch.save(optimizer.state_dict(), saved)
    saved.seek(0)
    optimizer.load_state_dict(torch.load(saved, map_location="cuda", weights_only=True))
    one_step(model, optimizer, batch, cross_entropy)
    assert optimizer.step_sizes.device.type == "cpu"
