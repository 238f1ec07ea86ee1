import contextlib
import errno
import os
import random
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from gnlab import InputError
from gnlab.runs import Run

WAYS = [
    {"optimizer": "adam"},
    {"optimizer": "sgd"},
    {"partition": "role", "period": 3},
    {"direction": "adam", "lr": 0.02},
    {"direction": "orthogonal", "damping": 3.0},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_rewound_branched_or_loaded_run_repeats_bit_for_bit(
    way, tmp_path, parameters, same, alike
):
    run = Run("moons", seed=3, **way)
    records = [run.step() for _ in range(8)]
    end = parameters(run)
    run.rewind(3)
    assert run.step_count == 3
    assert same(run.record, records[2])
    assert run.history.step.tolist() == [1, 2, 3]
    branch = run.branch()
    run.save(tmp_path / "run.pt")
    loaded = Run.load(tmp_path / "run.pt")
    assert loaded.settings == run.settings
    for other in (run, branch, loaded):
        again = [other.step() for _ in range(5)]
        assert all(alike(a, b) for a, b in zip(again, records[3:], strict=True))
        assert torch.equal(parameters(other), end)
        assert other.history.step.tolist() == list(range(1, 9))
    assert loaded.kept_steps[:2] == (0, 3)


def test_a_loaded_run_goes_back_to_the_settings_of_its_start(tmp_path):
    run = Run("moons", period=1, damping=1.0, batch_size=50)
    run.step()
    run.change(damping=7.0, partition="layer", batch_size=40)
    run.step()
    run.save(tmp_path / "run.pt")
    loaded = Run.load(tmp_path / "run.pt")
    assert loaded.settings == run.settings
    assert loaded.step().loss == run.step().loss
    for one in (run, loaded):
        one.rewind(0)
    assert loaded.settings == run.settings
    assert loaded.settings.partition == "tensor"
    assert [loaded.step().loss for _ in range(3)] == [run.step().loss for _ in range(3)]


def test_an_own_problem_is_loaded_with_its_problem(tmp_path, alike, noisy_problem):
    run = Run(problem=noisy_problem())
    run.step()
    run.save(tmp_path / "run.pt")
    with pytest.raises(InputError, match="give its problem"):
        Run.load(tmp_path / "run.pt")
    loaded = Run.load(tmp_path / "run.pt", problem=noisy_problem())
    assert alike(loaded.step(), run.step())


def test_a_model_with_a_shared_layer_is_loaded(tmp_path, own_problem, alike):
    def shared():
        torch.manual_seed(0)
        layer = nn.Linear(3, 3)
        return own_problem(nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(3, 1)))

    run = Run(problem=shared())
    run.step()
    run.save(tmp_path / "run.pt")
    loaded = Run.load(tmp_path / "run.pt", problem=shared())
    assert alike(loaded.step(), run.step())


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([nn.Linear(3, 1, bias=False)], "'0.bias' is nothing, saved is [1]"),
        ([nn.Linear(3, 1), nn.Linear(1, 1)], "'1.weight' is [1, 1], saved is nothing"),
        ([nn.Linear(3, 2)], "'0.weight' is [2, 3], saved is [1, 3]"),
    ],
)
def test_a_run_of_another_model_is_not_loaded(layers, said, tmp_path, own_problem):
    Run(problem=own_problem(nn.Sequential(nn.Linear(3, 1)))).save(tmp_path / "run.pt")
    with pytest.raises(InputError) as caught:
        Run.load(tmp_path / "run.pt", problem=own_problem(nn.Sequential(*layers)))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "changed",
    [
        lambda saved: saved["settings"].update(schedule="cosine"),
        lambda saved: saved.pop("log"),
        lambda saved: saved["record"].pop("loss"),
        lambda saved: saved.update(log=None),
        lambda saved: saved["log"].clear(),
    ],
)
def test_a_run_of_another_version_is_told(changed, tmp_path):
    path, run = tmp_path / "run.pt", Run("quadratic", device="cpu")
    run.step()
    run.save(path)
    saved = torch.load(path, weights_only=True)
    changed(saved)
    torch.save(saved, path)
    with pytest.raises(InputError, match=r"is not a run saved by this version of gnlab; load it"):
        Run.load(path)


@pytest.fixture
def edited(tmp_path):
    """Saves a run, changes what the file holds, and returns the file."""

    def edit(change, **choices):
        path, run = tmp_path / "run.pt", Run("moons", device="cpu", **choices)
        for _ in range(2):
            run.step()
        run.save(path)
        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)
        return path

    return edit


EDITS = [
    (lambda saved: saved.update(step="a"), "step is 'a'"),
    (lambda saved: saved.update(drawn=None), "drawn is None"),
    (lambda saved: saved.update(frozen=["a"]), r"frozen is \['a'\]"),
    (lambda saved: saved.update(optimizer=3), "optimizer is 3"),
    (lambda saved: saved.update(optimizer={}), "optimizer: no state"),
    (lambda saved: saved["model"].update({"0.weight": 3}), "model: 0.weight is 3"),
    (lambda saved: saved["settings"].update(lr=-1.0), "lr must be"),
    (lambda saved: saved["settings"].update(preset="nope"), "unknown preset 'nope'"),
    (lambda saved: saved["record"].update(loss="a"), "record: loss is 'a'"),
    (lambda saved: saved["record"].update(group=3), "record: group is 3"),
    (lambda saved: saved.update(record=3), "record: 3"),
    (lambda saved: saved["log"].update(since="a"), "log: since is 'a'"),
    (lambda saved: saved["log"].update(earlier=3), "log: earlier is 3"),
    (lambda saved: saved["log"].update(earlier=[{"since": "a"}]), "log: since is 'a'"),
    (lambda saved: saved["log"]["scalars"].update(table=torch.zeros(2)), ".* table is"),
    (lambda saved: saved["log"]["scalars"].update(table=torch.zeros(2, 3).double()), ".* table is"),
    (lambda saved: saved["log"]["scalars"].update(rows=1), "log: scalars: table is a"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), EDITS)
def test_a_file_edited_by_hand_is_damaged(change, said, edited):
    with pytest.raises(InputError, match=r"run\.pt' is damaged \(" + said + r".*\); give a copy"):
        Run.load(edited(change))


OPTIMIZER_EDITS = [
    lambda state: state.clear(),
    lambda state: state.update(param_groups=[]),
    lambda state: state["param_groups"][0].update(lr="a"),
    lambda state: state["state"].update({0: 3}),
    lambda state: state["state"].update({0: dict.fromkeys(state["state"][0], torch.zeros(7))}),
]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "grouped-newton"])
@pytest.mark.parametrize("change", OPTIMIZER_EDITS)
def test_an_optimizer_edited_by_hand_is_damaged(change, optimizer, edited):
    path = edited(lambda saved: change(saved["optimizer"]), optimizer=optimizer)
    with pytest.raises(InputError, match=r"run\.pt' is damaged \(optimizer: "):
        Run.load(path)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_an_optimizer_without_a_rate_is_damaged(optimizer, edited):
    path = edited(
        lambda saved: saved["optimizer"]["param_groups"][0].pop("lr"), optimizer=optimizer
    )
    with pytest.raises(InputError, match=r"is damaged \(optimizer: lr is None"):
        Run.load(path)


def test_an_adam_without_an_average_is_damaged(edited):
    path = edited(
        lambda saved: saved["optimizer"]["state"][0].pop("exp_avg"), optimizer="adam", lr=0.01
    )
    with pytest.raises(InputError, match=r"is damaged \(optimizer: no exp_avg\)"):
        Run.load(path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's, of what the bits have become
def test_flipped_bits_are_told_or_harmless(edited):
    path = edited(lambda _: None)
    whole, draw = path.read_bytes(), random.Random(0)
    for _ in range(150):
        flipped = bytearray(whole)
        for _ in range(3):
            flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        with contextlib.suppress(InputError):
            Run.load(path).step()


def test_files_that_are_no_runs(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(InputError, match="cannot be read"):
        Run.load(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"not a saved run; give a file that Run\.save"):
        Run.load(path)
    torch.save({"a": 1}, path)
    with pytest.raises(InputError, match="not a run saved by this version"):
        Run.load(path)
    Run("moons").save(path)
    whole = path.read_bytes()
    for part in range(1, 10):
        path.write_bytes(whole[: len(whole) * part // 10])
        with pytest.raises(InputError, match="damaged"):
            Run.load(path)
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Run("moons").save(tmp_path / "taken" / "run.pt")


@pytest.mark.parametrize("place", ["", ".", os.devnull])
def test_a_run_is_saved_to_a_file_and_to_nothing_else(place):
    with pytest.raises(InputError, match=re.escape(f"saved to a file; got {str(Path(place))!r}")):
        Run("moons").save(place)


def test_a_file_that_was_begun_does_not_stay(tmp_path, monkeypatch):
    def full(_content, file):
        file.write(b"begun")
        raise RuntimeError("unexpected pos 64 vs 0") from OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match="No space left; free room there"):
        Run("moons").save(tmp_path / "run.pt")
    assert list(tmp_path.iterdir()) == []
