import pytest
import torch

from gnlab import InputError
from gnlab.runs import Run, Settings


def test_a_change_in_the_middle_of_a_substep_begins_the_step_again(alike):
    run, other = Run("moons"), Run("moons")
    for each in (run, other):
        each.step()
    run.substep()
    run.substep()
    for each in (run, other):
        each.change(partition="role")
    assert run.phase == ""
    assert alike(run.step(), other.step())


def test_a_change_keeps_the_momentum_and_takes_effect_at_once():
    run = Run("moons", momentum=0.9)
    for _ in range(3):
        run.step()
    held = [s["momentum"].clone() for s in run._trainer.optimizer.state.values()]
    run.change(partition="role", lr=0.05, damping=2.0, period=4, batch_size=50, step_momentum=0.0)
    assert all(
        torch.equal(s["momentum"], m)
        for s, m in zip(run._trainer.optimizer.state.values(), held, strict=True)
    )
    record = run.step()
    assert record.H.shape == (2, 2)
    assert (record.lr, record.damping, record.partition) == (0.05, 2.0, "role")
    assert run.step_count == 4
    run.change(partition="tensor", direction="orthogonal")
    assert run.step().H.shape == (6, 6)
    for optimizer in ("adam", "sgd", "grouped-newton"):
        run.change(optimizer=optimizer)
        run.step()
    assert run.step_count == 8


def test_a_change_of_preset_or_seed_is_a_new_start(parameters):
    run = Run("moons")
    run.step()
    run.change(seed=4)
    assert run.step_count == 0
    assert torch.equal(parameters(run), parameters(Run("moons", seed=4)))
    run.change(preset="quadratic")
    assert run.settings == Settings("quadratic", seed=4)
    assert run.levels[0].S == 1


def test_the_branch_and_the_run_do_not_touch_each_other(parameters):
    run = Run("moons")
    run.step()
    branch = run.branch()
    branch.change(damping=10.0)
    held = parameters(run)
    for _ in range(3):
        branch.step()
    assert torch.equal(parameters(run), held)
    assert run.kept_steps == (0, 1)
    assert branch.kept_steps == (0, 1, 2, 3, 4)
    assert run.history.step.tolist() == [1]


def test_a_branch_in_the_middle_of_a_step_leaves_the_run_where_it_is(alike):
    run = Run("moons")
    run.step()
    run.limit_kept(10**6)
    for _ in range(2):
        run.substep()
    branch = run.branch()
    assert (run.phase, branch.phase) == ("summary", "")
    assert (run.step_count, branch.step_count) == (1, 1)
    assert branch.budget == 10**6
    assert alike(branch.step(), run.step())


def test_a_model_without_parameters_is_refused(own_problem):
    with pytest.raises(InputError, match="'own' has no parameters"):
        Run(problem=own_problem(torch.nn.Tanh()))


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"batch_size": 401}, "batch_size must be at most 400"),
        ({"summary_batch_size": 401}, "summary_batch_size must be at most 400"),
        ({"partition": "chunk:9"}, "k from 1 to the 3 layers"),
        ({"partition": {"a": ["layer1.weight"]}}, "no group has parameter"),
        ({"dampig": 1.0}, "Did you mean 'damping'"),
    ],
)
def test_a_change_that_does_not_fit_changes_nothing(choices, said, alike):
    run, other = Run("moons"), Run("moons")
    for each in (run, other):
        each.step()
    with pytest.raises(InputError, match=r".+") as caught:
        run.change(damping=3.0, **choices)
    assert said in str(caught.value)
    assert run.settings == other.settings
    assert alike(run.step(), other.step())
    with pytest.raises(InputError, match=r".+"):
        Run("moons", **choices)


def test_own_groups_and_own_problems(noisy_problem):
    own = {"first": ["0.weight", "0.bias"], "last": ["3.weight", "3.bias"]}
    run = Run(problem=noisy_problem(), partition=own)
    assert run.step().group == ("first", "last")
    assert run.settings.preset == "own:noisy"
    with pytest.raises(InputError, match="problem of one's own"):
        run.change(seed=3)


def test_a_problem_that_is_none_is_one_line():
    with pytest.raises(InputError, match="problem must be a gnlab Problem; got int"):
        Run(problem=3)


CHANGES = {
    "optimizer": "adam", "partition": "role", "direction": "gradient", "lr": 0.05, "damping": 3.0,
    "period": 2, "momentum": 0.5, "step_momentum": 0.3, "safeguard": False, "batch_size": 20,
    "summary_batch_size": 50,
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_every_choice_can_be_changed_in_the_middle_and_taken_back(name, alike):
    run, straight = Run("moons"), Run("moons")
    for _ in range(4):
        run.step()
        straight.step()
    before = getattr(run.settings, name)
    assert before != CHANGES[name]
    run.change(**{name: CHANGES[name]})
    assert (getattr(run.settings, name), run.step_count) == (CHANGES[name], 4)
    same = [alike(run.step(), straight.step()) for _ in range(3)]
    assert not all(same)
    again = Run("moons")
    for _ in range(4):
        again.step()
    again.change(**{name: CHANGES[name]})
    assert again.step().loss == run.history.loss[4]
    run.rewind(3)
    straight.rewind(3)
    assert getattr(run.settings, name) == before
    for _ in range(3):
        assert alike(run.step(), straight.step())


def test_an_edit_by_hand_leaves_nothing_of_the_way_on_without_it():
    run = Run("circles")
    for _ in range(4):
        run.step()
    run.rewind(2)
    with torch.no_grad():
        next(run.model.parameters()).add_(0.01)
    assert run.substep() == "gradient"
    assert run.kept_steps == (0, 1, 2)
