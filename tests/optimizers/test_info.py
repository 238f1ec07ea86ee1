import pytest
import torch

from gnlab.optimizers import GroupedNewton
from gnlab.problems.surfaces import loss_is_output as value

NOTHING = (torch.zeros(1), torch.zeros(1))


def test_predicted_decrease_is_the_models_value(quadratic, one_step):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(
        model, value, [NOTHING], "all", lr=0.5, damping=0.0, period=1, direction="gradient"
    )
    before = one_step(model, optimizer)
    after = model(NOTHING[0]).item()
    # On a quadratic the order-2 model is the loss itself.
    assert optimizer.info.decrease_predicted == pytest.approx(before - after, rel=1e-10)


@pytest.mark.parametrize("parts", [False, True])
def test_a_summary_has_its_parts_where_they_are_asked_for(parts, classifier, data, one_step):
    model, batches, loss_fn = classifier(), data(1), torch.nn.CrossEntropyLoss()
    optimizer = GroupedNewton(model, loss_fn, batches, parts=parts)
    one_step(model, optimizer, batches[0], loss_fn)
    summary = optimizer.info.summary
    assert bool(summary.parts) == parts
    if parts:
        torch.testing.assert_close(sum(part.H for part in summary.parts), summary.H)
