import pytest
import torch

from gnlab import InputError
from gnlab.runs import Run, course


def test_substeps_make_the_step_one_phase_at_a_time(alike):
    run, whole = Run("moons", period=2), Run("moons", period=2)
    assert [run.substep() for _ in range(4)] == ["gradient", "summary", "solve", "update"]
    assert alike(run.record, whole.step())
    assert [run.substep() for _ in range(2)] == ["gradient", "update"]
    assert alike(run.record, whole.step())
    assert run.substep() == "gradient"
    assert run.phase == "gradient"
    assert run.substep() == "summary"
    assert run.summary.step == 3
    assert run.summary.H is not None
    assert run.summary.step_size_solved is None
    assert run.substep() == "solve"
    assert run.summary.step_size_solved is not None
    assert run.step_count == 2
    assert alike(run.step(), whole.step())
    assert run.step_count == 3


@pytest.mark.parametrize("place", ["compose", "advice"])
def test_ctrl_c_while_a_step_is_finished_leaves_the_run_at_its_last_step(place, monkeypatch, alike):
    run, other = Run("moons"), Run("moons")
    for each in (run, other):
        each.step()

    def interrupted(*_):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(course, place, interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.step()
    assert (run.step_count, run.phase, run.record.step) == (1, "", 1)
    assert run.history.step.tolist() == [1]
    for _ in range(2):
        assert alike(run.step(), other.step())
    assert run.history.step.tolist() == [1, 2, 3]
    assert run.kept_steps == (0, 1, 2, 3)


def test_a_rewind_restores_the_settings_of_that_step():
    run = Run("moons", damping=1.0)
    for _ in range(2):
        run.step()
    run.change(partition="role", damping=5.0)
    for _ in range(2):
        run.step()
    run.rewind(1)
    assert (run.settings.partition, run.settings.damping) == ("tensor", 1.0)
    run.rewind(4)
    assert (run.settings.partition, run.settings.damping) == ("role", 5.0)
    run.rewind(2)  # as it was left, the change included
    assert run.settings.partition == "role"
    run.step()
    assert run.kept_steps == (0, 1, 2, 3)


def test_a_reset_begins_again_with_the_present_settings(parameters, alike):
    run = Run("moons", seed=2)
    start = parameters(run)
    run.step()
    run.change(damping=4.0)
    run.step()
    run.reset()
    assert torch.equal(parameters(run), start)
    assert (run.step_count, run.epoch, run.record, run.summary) == (0, 0.0, None, None)
    assert run.kept_steps == (0,)
    assert run.history.step.size == 0
    assert alike(run.step(), Run("moons", seed=2, damping=4.0).step())


def test_levels_are_told_coarse_to_fine():
    levels = Run("digits-mlp").levels
    assert [(level.name, level.S) for level in levels][:5] == [
        ("all", 1),
        ("role", 2),
        ("chunk:2", 4),
        ("tensor", 8),
        ("block:2", 16),
    ]
    assert levels[3].label == "S = 8, one group per tensor"
    assert levels[-1].known_as == "Newton's method"


@pytest.mark.parametrize("step", ["a", None, 1.5, -1])
def test_what_is_no_step_is_not_rewound_to(step):
    with pytest.raises(InputError, match=r"step must be a whole number .*got"):
        Run("quadratic", device="cpu").rewind(step)


def test_rewinding_where_nothing_is_kept_says_what_is():
    run = Run("moons")
    with pytest.raises(InputError, match=r"step 5 is not kept; step 0 alone is\.$"):
        run.rewind(5)
    run.step()
    with pytest.raises(InputError, match="step 5 is not kept; 2 steps from 0 to 1 are"):
        run.rewind(5)
    assert run.step_count == 1
