"""GroupedNewton's memory: saved, resumed, refused where it is another's."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import lr_scheduler

from gnlab.directions import NAMES
from gnlab.errors import InputError
from gnlab.optimizers import GroupedNewton
from gnlab.optimizers.state import _COPIED
from gnlab.partitions import Partition, partition
from gnlab.problems.surfaces import loss_is_output as value

NOTHING = (torch.zeros(1), torch.zeros(1))


@pytest.mark.parametrize("saved_at", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("make", [
    lambda o: lr_scheduler.StepLR(o, 2, 0.7),
    lambda o: lr_scheduler.CosineAnnealingLR(o, 9),
    lambda o: lr_scheduler.OneCycleLR(o, 0.9, 20, cycle_momentum=False),
    lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=0),
], ids=["step", "cosine", "one cycle", "plateau"])  # fmt: skip
def test_resumes_bit_for_bit_with_a_schedule_at_every_phase_of_a_period(
    make, saved_at, one_step, classifier, data, flat
):
    batches = data(5)
    pairs = []
    for seed in (0, 9):
        model = classifier(seed=seed)
        optimizer = GroupedNewton(
            model, cross_entropy, batches, lr=0.5, period=3, step_momentum=0.5
        )
        pairs.append((model, optimizer, make(optimizer)))

    def go_on(steps, *which):
        for k in steps:
            for model, optimizer, schedule in which:
                loss = one_step(model, optimizer, batches[k % 5], cross_entropy)
                plateau = isinstance(schedule, lr_scheduler.ReduceLROnPlateau)
                schedule.step(loss) if plateau else schedule.step()

    go_on(range(saved_at), pairs[0])
    saved = io.BytesIO()
    torch.save([each.state_dict() for each in pairs[0]], saved)
    saved.seek(0)
    for each, state in zip(pairs[1], torch.load(saved, weights_only=True), strict=True):
        each.load_state_dict(state)
    go_on(range(saved_at, saved_at + 8), *pairs)
    assert torch.equal(flat(pairs[0][0]), flat(pairs[1][0]))
    assert pairs[0][1].param_groups[0]["lr"] == pairs[1][1].param_groups[0]["lr"] != 0.5


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


def test_a_state_of_other_groups_with_the_same_names_is_refused(classifier, data, one_step):
    [batch] = data(1)
    model = classifier()
    first, second = ["0.weight", "0.bias"], ["2.weight", "2.bias"]
    optimizer = GroupedNewton(model, cross_entropy, [batch], {"a": first, "b": second})
    one_step(model, optimizer, batch, cross_entropy)
    swapped = GroupedNewton(model, cross_entropy, [batch], {"a": second, "b": first})
    with pytest.raises(InputError, match=r"another partition: .* same names"):
        swapped.load_state_dict(optimizer.state_dict())
    same = GroupedNewton(model, cross_entropy, [batch], {"a": first[::-1], "b": second})
    same.load_state_dict(optimizer.state_dict())
    assert torch.equal(same.step_sizes, optimizer.step_sizes)


def test_how_a_partition_holds_its_groups_is_no_difference(classifier, data):
    [batch] = data(1)
    model = classifier()
    units = partition(model, "unit")
    whole = {n: units.groups[n].expand(shape).clone() for n, shape in units.shapes.items()}
    spread = Partition("by hand", units.names, units.shapes, whole, units.roles)
    optimizer = GroupedNewton(model, cross_entropy, [batch], spread)
    optimizer.load_state_dict(GroupedNewton(model, cross_entropy, [batch], units).state_dict())


def test_a_state_of_other_shapes_is_refused(classifier, data):
    [batch] = data(1)
    saved = GroupedNewton(classifier(), cross_entropy, [batch]).state_dict()
    wider = torch.nn.Sequential(torch.nn.Linear(4, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3))
    optimizer = GroupedNewton(wider, cross_entropy, [batch])
    with pytest.raises(InputError, match=r"'0.weight' has shape \[6, 4\] in it, \[7, 4\] in"):
        optimizer.load_state_dict(saved)


def test_numpys_numbers_are_saved_as_pythons(classifier, data, one_step):
    [batch] = data(1)
    model, saved = classifier(), io.BytesIO()
    optimizer = GroupedNewton(
        model, cross_entropy, [batch], lr=np.float32(0.25), period=np.int64(2), momentum=0
    )
    optimizer.change(damping=np.float64(3.0))
    one_step(model, optimizer, batch, cross_entropy)
    torch.save(optimizer.state_dict(), saved)
    saved.seek(0)
    optimizer.load_state_dict(torch.load(saved, weights_only=True))
    assert optimizer.settings["lr"] == 0.25
    assert optimizer.settings["damping"] == 3.0


NUMBERS = {
    "numpy": {"lr": np.float64(0.5), "period": np.int64(2), "damping": np.float32(2.0)},
    "torch": {"lr": torch.tensor(0.5), "momentum": torch.tensor(0.75), "period": torch.tensor(2)},
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_written_into_param_groups_are_read_and_saved_as_pythons(
    kind, classifier, data, one_step, flat
):
    [batch], found = data(1), []
    for numbers in (NUMBERS[kind], {name: one.item() for name, one in NUMBERS[kind].items()}):
        model, saved = classifier(), io.BytesIO()
        optimizer = GroupedNewton(model, cross_entropy, [batch], safeguard=True)
        optimizer.param_groups[0].update(numbers)
        torch.optim.lr_scheduler.StepLR(optimizer, 5)  # it writes down the lr too
        for _ in range(3):
            one_step(model, optimizer, batch, cross_entropy)
        assert type(optimizer.info.taken) is float
        torch.save(optimizer.state_dict(), saved)
        saved.seek(0)
        state = torch.load(saved, weights_only=True)
        [group] = state["param_groups"]
        types = {type(one) for name, one in group.items() if name != "params"}
        assert types == {float, int, str, bool}
        optimizer.load_state_dict(state)
        one_step(model, optimizer, batch, cross_entropy)
        found.append(flat(model))
    assert torch.equal(*found)


def test_a_state_of_an_older_version_is_taken(classifier, data, one_step):
    [batch] = data(1)
    model = classifier()
    saved = GroupedNewton(model, cross_entropy, [batch], lr=0.3).state_dict()
    for name in ("shapes", "digest"):
        del saved["grouped_newton"][name]
    del saved["param_groups"][0]["safeguard"]
    optimizer = GroupedNewton(model, cross_entropy, [batch], safeguard=True)
    optimizer.load_state_dict(saved)
    one_step(model, optimizer, batch, cross_entropy)
    assert optimizer.settings["lr"] == 0.3
    assert optimizer.settings["safeguard"] is True


def test_every_attribute_of_its_own_is_copied(one_step, classifier, data):
    """Those that torch's optimizers do not have, before and after steps of every kind."""
    batches, model = data(3), classifier()
    optimizer = GroupedNewton(model, cross_entropy, batches, period=2, safeguard=True, parts=True)
    torchs = vars(torch.optim.SGD(model.parameters(), lr=0.1)).keys()
    assert vars(optimizer).keys() - torchs == set(_COPIED)
    for batch in batches:
        one_step(model, optimizer, batch, cross_entropy)
    optimizer.change(direction="adam", partition="all")
    one_step(model, optimizer, batches[0], cross_entropy)
    assert vars(optimizer).keys() - torchs == set(_COPIED)
    assert vars(copy.deepcopy(optimizer)).keys() >= set(_COPIED)


def through_pickle(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle])
@pytest.mark.parametrize("safeguard", [False, True])
def test_a_copy_goes_on_like_the_optimizer(copied, safeguard, one_step, classifier, data, flat):
    batches = data(3)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, batches, period=2, safeguard=safeguard)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)  # it wraps step()
    for k in range(5):
        one_step(model, optimizer, batches[k % 3], cross_entropy)
        scheduler.step()
    other, second = copied((model, optimizer))
    assert second.model is other
    assert second.info.step == 5
    assert second.decrease() == optimizer.decrease()
    before = flat(model)
    for k in range(5, 10):
        one_step(other, second, batches[k % 3], cross_entropy)
    assert torch.equal(flat(model), before)
    for k in range(5, 10):
        one_step(model, optimizer, batches[k % 3], cross_entropy)
    assert torch.equal(flat(model), flat(other))
    assert torch.equal(optimizer.step_sizes, second.step_sizes)


def test_an_optimizer_copied_alone_has_a_model_of_its_own(one_step, classifier, data, flat):
    [batch] = data(1)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, [batch], "all", period=1)
    second, before = copy.deepcopy(optimizer), flat(model)
    one_step(second.model, second, batch, cross_entropy)
    assert torch.equal(flat(model), before)
    assert not torch.equal(flat(second.model), before)


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
