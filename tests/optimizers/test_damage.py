"""A state that was cut or written by hand is told as damaged, and nothing of it taken."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from gnlab.errors import InputError
from gnlab.optimizers import GroupedNewton

OWN = "grouped_newton"
DAMAGES = [
    (lambda state: state[OWN].pop("batches"), "it has no 'batches'"),
    (lambda state: state[OWN].update(step_sizes=torch.ones(7)), r"its step sizes have shape \[7\]"),
    (lambda state: state[OWN].update(step_sizes=3), "its 'step_sizes' is 3"),
    (lambda state: state[OWN].update(steps="a"), "its 'steps' is 'a'"),
    (lambda state: state[OWN]["batches"].update(drawn=None), "its 'drawn' is None"),
    (lambda state: state[OWN].clear(), "it has no 'groups'"),
    (lambda state: state.update({OWN: 3}), "its 'grouped_newton' is 3"),
    (lambda state: state.pop("param_groups"), "it has no 'param_groups'"),
    (lambda state: state["param_groups"].clear(), r"its 'param_groups' is \[\]"),
    (lambda state: state["param_groups"][0].pop("params"), "its 'param_groups' is a list"),
    (lambda state: state["param_groups"][0]["params"].pop(), "it has 3 parameters, the .* 4"),
    (lambda state: state.pop("state"), "it has no 'state'"),
    (lambda state: state["state"].update({0: 3}), "what it keeps of parameter 0 is 3"),
    (lambda state: state["state"][1].update(momentum=torch.ones(2)), "'momentum' of .* a tensor"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
def test_a_damaged_state_is_told_and_nothing_of_it_taken(damage, said, classifier, data, one_step):
    [batch] = data(1)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, [batch], period=1)
    one_step(model, optimizer, batch, cross_entropy)
    state = copy.deepcopy(optimizer.state_dict())
    damage(state)
    fresh = GroupedNewton(model, cross_entropy, [batch], period=1)
    with pytest.raises(InputError, match=f"the state_dict is damaged: {said}.*; restore it"):
        fresh.load_state_dict(state)
    assert fresh.steps == 0
    assert not fresh.state


def test_what_is_no_state_is_told(classifier, data):
    optimizer = GroupedNewton(classifier(), cross_entropy, data(1))
    with pytest.raises(InputError, match=r"must be what state_dict.* returned; got NoneType"):
        optimizer.load_state_dict(None)
