"""Points: balanced classes on the curves that give the sets their names."""

import pytest
import torch

from gnlab.problems.points import SHAPES, draw, point_sets


@pytest.mark.parametrize("shape", SHAPES)
def test_sets(shape):
    train, validation = point_sets(shape)
    assert (len(train), len(validation)) == (400, 200)
    for data in (train, validation):
        assert data.inputs.shape == (len(data), 2)
        assert data.targets.bincount().tolist() == [len(data) // 2] * 2
        assert data.inputs.abs().max() < 2
    together = torch.cat([train.inputs, validation.inputs])
    assert len(together.unique(dim=0)) == 600


def noiseless(shape):
    x, y = draw(shape, 1000, 0.0, torch.Generator().manual_seed(0))
    return x.double(), y


def test_circles_without_noise_have_two_radii():
    x, y = noiseless("circles")
    expected = torch.where(y == 1, 0.45, 1.0).double()
    torch.testing.assert_close(x.norm(dim=1), expected, rtol=1e-6, atol=0)


def test_moons_without_noise_are_half_circles_that_reach_into_each_other():
    x, y = noiseless("moons")
    centre = torch.where(y == 1, 0.5, -0.5)
    middle = torch.where(y == 1, 0.25, -0.25)
    offset = x - torch.stack([centre, middle], dim=1)
    torch.testing.assert_close(offset.norm(dim=1), torch.ones(1000).double(), rtol=1e-5, atol=0)
    assert bool((torch.where(y == 1, -offset[:, 1], offset[:, 1]) > -1e-6).all())


def test_spirals_without_noise_are_one_arm_and_its_half_turn():
    x, y = noiseless("spirals")
    arm = torch.where(y == 1, -1.0, 1.0).unsqueeze(1) * x
    radius = arm.norm(dim=1)
    angle = 3 * torch.pi * radius
    torch.testing.assert_close(arm[:, 0], radius * angle.cos(), rtol=0, atol=1e-5)
    torch.testing.assert_close(arm[:, 1], radius * angle.sin(), rtol=0, atol=1e-5)


def test_noise_has_the_size_that_was_asked_for():
    clean, _ = draw("moons", 4000, 0.0, torch.Generator().manual_seed(0))
    noisy, _ = draw("moons", 4000, 0.2, torch.Generator().manual_seed(0))
    assert (noisy - clean).std().item() == pytest.approx(0.2, rel=0.05)
