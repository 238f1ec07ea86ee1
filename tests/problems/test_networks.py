"""The paper's networks: their shapes, their sizes, and the distribution of their start."""

import math

import pytest
import torch
from torch import nn

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.problems import networks

IMAGE = (3, 32, 32)
# name: builder, input shape, tensors, parameters (counted by hand from the published widths)
NETWORKS = {
    "mlp": (networks.mlp, (1, 28, 28), 8, 803_840 + 205_000 + 20_100 + 1_010),
    "lenet": (networks.lenet, IMAGE, 10, 456 + 2_416 + 48_120 + 10_164 + 850),
    "vgg11": (networks.vgg11, IMAGE, 18, 9_225_610),
    "big_mlp": (networks.big_mlp, IMAGE, 42, 3_146_752 + 19 * 1_049_600 + 10_250),
    "very_big_mlp": (networks.very_big_mlp, IMAGE, 202, 3_146_752 + 99 * 1_049_600 + 10_250),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_sizes(name):
    builder, shape, tensors, count = NETWORKS[name]
    model = builder(seed=0, device="meta")
    assert sum(p.numel() for p in model.parameters()) == count
    assert partition(model, "tensor").num_groups == tensors
    assert model(torch.empty(2, *shape, device="meta")).shape == (2, 10)


def test_very_big_mlp_in_five_chunks():
    chunks = partition(networks.very_big_mlp(seed=0, device="meta"), "chunk:5")
    assert chunks.num_groups == 10
    assert chunks.roles == ("weights", "biases") * 5


def test_lenet_layers():
    shapes = {
        n: tuple(p.shape) for n, p in networks.lenet(seed=0, device="meta").named_parameters()
    }
    assert shapes == {
        "conv1.weight": (6, 3, 5, 5),
        "conv1.bias": (6,),
        "conv2.weight": (16, 6, 5, 5),
        "conv2.bias": (16,),
        "fc1.weight": (120, 400),
        "fc1.bias": (120,),
        "fc2.weight": (84, 120),
        "fc2.bias": (84,),
        "fc3.weight": (10, 84),
        "fc3.bias": (10,),
    }


def test_vgg11_layers():
    model = networks.vgg11(seed=0, device="meta")
    convs = [m for m in model if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels) for m in convs] == [
        (3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512)
    ]  # fmt: skip
    assert {m.kernel_size for m in convs} == {(3, 3)}
    assert sum(isinstance(m, nn.MaxPool2d) for m in model) == 5
    assert [m.in_features for m in model if isinstance(m, nn.Linear)] == [512]
    kinds = {type(m) for m in model}
    assert kinds == {nn.Conv2d, nn.ELU, nn.MaxPool2d, nn.Flatten, nn.Linear}


@pytest.mark.parametrize(
    ("builder", "gain"), [(networks.mlp, 1.0), (networks.lenet, 1.0), (networks.vgg11, 2**0.5)]
)
def test_start_is_normal_with_variance_gain_over_fan_in(builder, gain):
    """Mean, variance and kurtosis within five standard errors of a normal sample's."""
    for name, p in builder(seed=3).named_parameters():
        if name.endswith("bias"):
            assert not p.any(), name
            continue
        z = p.detach().double().flatten() * math.sqrt(p[0].numel()) / gain
        n = z.numel()
        assert abs(z.mean()) < 5 / math.sqrt(n), name
        assert abs(z.square().mean() - 1) < 5 * math.sqrt(2 / n), name
        assert abs(z.pow(4).mean() - 3) < 5 * math.sqrt(96 / n), name


def test_first_layer_keeps_the_variance():
    model = networks.perceptron((400, 400, 10), "tanh", seed=0)
    x = torch.randn(500, 400, generator=torch.Generator().manual_seed(1))
    assert model.layer1(x).var().item() == pytest.approx(1.0, rel=0.02)


def test_signal_survives_many_layers():
    """With σ = √2 an ELU network's signal grows slowly; with σ = 1 it would fall below 0.01."""
    x = torch.randn(200, 256, generator=torch.Generator().manual_seed(1))
    model = networks.perceptron((256, *[256] * 40, 10), "elu", seed=0)
    sizes = []
    for module in model:
        x = module(x)
        if isinstance(module, nn.Linear):
            sizes.append(x.var().item())
    assert min(sizes) > 1
    assert max(sizes) < 60


@pytest.mark.parametrize("name", ["mlp", "lenet"])
def test_start_depends_on_the_seed_alone(name):
    builder = NETWORKS[name][0]
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = builder(seed=5).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    again, other = builder(seed=5).state_dict(), builder(seed=6).state_dict()
    for key, values in first.items():
        assert torch.equal(values, again[key])
        if key.endswith("weight"):
            assert not torch.equal(values, other[key])


def test_both_precisions_start_at_the_same_point():
    single = networks.lenet(seed=0).state_dict()
    double = networks.lenet(seed=0, dtype=torch.float64).state_dict()
    for key, values in single.items():
        assert double[key].dtype is torch.float64
        assert torch.equal(values.double(), double[key])


def test_initialise_refuses_what_it_has_no_rule_for():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with pytest.raises(InputError, match="1 is BatchNorm1d"):
        networks.initialise(model, 1.0, 0)
