"""When a model is validated, and on what."""

import math

import pytest
import torch
from torch import nn

from gnlab import problems
from gnlab.problems import Batches, Data, Hyperparameters, Problem
from gnlab.runs import Run
from gnlab.runs.validation import SAMPLES, Validator


def test_validation_costs_at_most_a_tenth_and_comes_at_each_epochs_end():
    run = Run("digits-mlp", optimizer="adam", batch_size=100)
    records = [run.step() for _ in range(31)]
    measured = [r.step for r in records if not math.isnan(r.val_loss)]
    # 297 samples forward against three forwards of 100: every tenth step, and epochs of 15.
    assert measured == [1, 10, 15, 20, 30]
    assert all(0 <= r.accuracy <= 1 for r in records if r.step in measured)
    assert records[29].val_loss < records[0].val_loss


def test_it_is_the_mean_over_the_first_samples():
    problem = problems.problem("digits-mlp")
    found = Validator(problem, torch.device("cpu"), torch.float32).measure(problem.model)
    data = problem.validation
    x, y = data.batch(torch.arange(min(len(data), SAMPLES)))
    with torch.no_grad():
        out = problem.model(x)
    assert found.loss == pytest.approx(problem.loss_fn(out, y).item(), rel=1e-5)
    assert found.accuracy == pytest.approx((out.argmax(1) == y).double().mean().item())
    assert problem.model.training


def test_a_surface_has_nothing_to_validate():
    problem = problems.problem("quadratic")
    validator = Validator(problem, torch.device("cpu"), torch.float32)
    assert not validator.due(1, Batches(1, 1, 0))
    assert math.isnan(validator.measure(problem.model).loss)


def own(model, loss_fn, x, y, classes=3):
    data = Data(x, y)
    numbers = Hyperparameters(0.1, 1.0, 1, 10, 10)
    return Problem(
        "own", "", model, loss_fn, data, data, None, numbers, "classification", classes,
        torch.float32,
    )  # fmt: skip


def validated(problem):
    return Validator(problem, torch.device("cpu"), torch.float32).measure(problem.model)


@pytest.mark.parametrize(
    "loss_fn",
    [
        nn.CrossEntropyLoss(weight=torch.tensor([0.1, 1.0, 5.0])),
        nn.CrossEntropyLoss(ignore_index=0),
        nn.CrossEntropyLoss(reduction="sum"),
    ],
)
def test_the_loss_is_that_of_all_samples_at_once(loss_fn):
    """Chunks of samples count by what the loss is divided by."""
    torch.manual_seed(0)
    model, x, y = nn.Linear(5, 3), torch.randn(700, 5), torch.randint(3, (700,)).sort().values
    found = validated(own(model, loss_fn, x, y))
    assert found.loss == pytest.approx(loss_fn(model(x), y).item(), rel=1e-5)


def test_accuracy_of_one_logit_of_targets_in_rows_of_soft_and_of_ignored_ones():
    torch.manual_seed(0)
    x = torch.randn(300, 5)
    logit, binary = nn.Linear(5, 1), (torch.randn(300, 1) > 0).float()
    found = validated(own(logit, nn.BCEWithLogitsLoss(), x, binary, 2))
    assert found.accuracy == pytest.approx(((logit(x) > 0) == (binary > 0)).double().mean().item())
    rows, many = (
        nn.Sequential(nn.Linear(5, 12), nn.Unflatten(1, (3, 4))),
        torch.randint(3, (300, 4)),
    )
    found = validated(own(rows, nn.CrossEntropyLoss(), x, many))
    assert found.accuracy == pytest.approx((rows(x).argmax(1) == many).double().mean().item())
    plain, soft = nn.Linear(5, 3), torch.rand(300, 3)
    found = validated(own(plain, nn.CrossEntropyLoss(), x, soft))
    right = plain(x).argmax(1) == soft.argmax(1)
    assert found.accuracy == pytest.approx(right.double().mean().item())
    some = torch.randint(3, (300,)).where(torch.arange(300) % 3 > 0, -100)
    found = validated(own(plain, nn.CrossEntropyLoss(), x, some))
    right = (plain(x).argmax(1) == some)[some >= 0]
    assert found.accuracy == pytest.approx(right.double().mean().item())


def test_outputs_without_a_class_for_each_target_have_no_accuracy():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 3)

        def forward(self, x):
            return self.layer(x), x

    def of_first(output, y):
        return nn.functional.cross_entropy(output[0], y)

    x, y = torch.randn(20, 5), torch.randint(3, (20,))
    found = validated(own(Pair(), of_first, x, y))
    assert math.isfinite(found.loss)
    assert math.isnan(found.accuracy)


def test_what_was_frozen_stays_frozen():
    """A batch norm in evaluation mode is so after a validation, and after steps, too."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Dropout(0.1), nn.Linear(4, 3))
    model[1].eval()
    x, y = torch.randn(60, 5), torch.randint(3, (60,))
    run = Run(problem=own(model, nn.CrossEntropyLoss(), x, y))
    for _ in range(3):
        run.step()
    assert [module.training for module in run.model] == [True, False, True, True]
    assert run.model.training
    assert run.model[1].running_mean.count_nonzero() == 0
    assert run.model[1].num_batches_tracked == 0
    run.model.eval()  # to look at something in between
    run.step()
    assert [module.training for module in run.model] == [True, False, True, True]


def test_a_model_that_comes_in_evaluation_mode_as_a_whole_is_trained():
    model = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.1), nn.Linear(4, 3)).eval()
    x, y = torch.randn(60, 5), torch.randint(3, (60,))
    run = Run(problem=own(model, nn.CrossEntropyLoss(), x, y))
    run.step()
    assert all(module.training for module in run.model.modules())


class Counting(nn.Linear):
    """Counts its calls in a buffer, and averages its outputs in another, in either mode."""

    def __init__(self):
        super().__init__(2, 3)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x):
        out = super().forward(x)
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * out.detach().mean(0)
        return out - self.mean


def test_a_validation_leaves_buffers_alone_and_a_rewound_run_repeats():
    torch.manual_seed(0)
    x, y = torch.randn(20, 2), torch.randint(3, (20,))
    run = Run(problem=own(Counting(), nn.CrossEntropyLoss(), x, y), optimizer="sgd")
    assert not math.isnan(run.step().val_loss)
    assert run.model.calls == 1
    there = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.step()
    run.rewind(1)
    assert all(torch.equal(run.model.state_dict()[name], value) for name, value in there.items())


def with_norm():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    return own(model, nn.CrossEntropyLoss(), torch.randn(60, 5), torch.randint(3, (60,)))


def test_what_is_frozen_is_part_of_the_state(tmp_path):
    run = Run(problem=with_norm())
    run.step()
    run.model[1].eval()
    run.step()
    run.save(tmp_path / "run.pt")
    loaded = Run.load(tmp_path / "run.pt", problem=with_norm())
    branch = run.branch()
    expected = [run.step().loss for _ in range(3)]
    for other in (loaded, branch):
        assert [other.step().loss for _ in range(3)] == expected
        assert not other.model[1].training
    run.rewind(1)
    assert run.model[1].training
    run.rewind(2)
    assert [run.step().loss for _ in range(3)] == expected


class Drawing(nn.Module):
    """Draws random numbers, in evaluation mode too."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x):
        return self.layer(x + torch.randn_like(x))


def test_what_a_model_draws_while_it_is_validated_can_be_repeated_and_leaves_no_trace():
    torch.manual_seed(0)
    x, y = torch.randn(60, 5), torch.randint(3, (60,))
    run = Run(problem=own(Drawing(), nn.CrossEntropyLoss(), x, y))
    before = torch.get_rng_state()
    first = run.step()
    assert torch.get_rng_state().equal(before)
    assert math.isfinite(first.val_loss)
    run.rewind(0)
    assert run.step().val_loss == first.val_loss
