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
