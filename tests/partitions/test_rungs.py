"""The ladder: nested, about doubling, from one group to one per element."""

import itertools

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer

import gnlab
from gnlab import partitions
from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.problems import networks


def lists(*shapes):
    """A model of one layer, a list of parameters."""
    return nn.Sequential(nn.ParameterList([torch.zeros(shape) for shape in shapes]))


MODELS = {
    "recurrent": lambda: nn.Sequential(nn.Embedding(5, 3), nn.LSTM(3, 4, 4), nn.Linear(4, 5)),
    "a recurrent layer": lambda: nn.GRU(3, 4, 2, bidirectional=True),
    "recurrent without biases": lambda: nn.Sequential(
        nn.LSTM(3, 4, 4, bias=False), nn.GRU(4, 4, 3, bias=False)
    ),
    "a list": lambda: lists(*[(3,)] * 50),
    "a list of matrices": lambda: lists(*[(3, 2)] * 9, ()),
    "one large layer of many": lambda: nn.Sequential(
        *[nn.Linear(2, 2) for _ in range(20)], nn.Linear(2, 300)
    ),
    "a vector": lambda: lists((5,)),
    "scalars": lambda: lists((), (), ()),
    "two scalars": lambda: nn.Linear(1, 1),
    "perceptron": lambda: networks.perceptron((4, 7, 3), "tanh", seed=0),
    "convolution": lambda: nn.Sequential(
        nn.Conv2d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)
    ),
    "one parameter": lambda: nn.Linear(1, 1, bias=False),
}


def raw(*parameters):
    """A model that has parameters and calls nothing."""
    model = nn.Module()
    model.forward = lambda _: None
    for i, values in enumerate(parameters):
        setattr(model, f"p{i}", nn.Parameter(values))
    return model


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_from_one_to_all_each_refining_the_one_before(build):
    model = build()
    rungs = gnlab.ladder(model)
    splits = [partition(model, rung.level) for rung in rungs]
    assert [rung.num_groups for rung in rungs] == [split.num_groups for split in splits]
    assert rungs[0].num_groups == 1
    assert rungs[-1].num_groups == splits[-1].num_parameters
    assert rungs[-1].level == ("element" if len(rungs) > 1 else "all")
    for coarse, fine in itertools.pairwise(splits):
        assert fine.num_groups > coarse.num_groups
        assert fine.refines(coarse)


@pytest.mark.parametrize("build", [lambda: networks.lenet(seed=0), *MODELS.values()])
def test_the_steps_are_about_doublings(build):
    rungs = gnlab.ladder(build())
    for a, b in itertools.pairwise(rungs):
        assert b.num_groups <= (3 if b.level == "role" else 2) * a.num_groups
    for a, b, c in zip(rungs, rungs[1:], rungs[2:], strict=False):
        assert b.known_as or c.num_groups > 2 * a.num_groups


def test_the_rungs_of_a_recurrent_layer_are_runs_of_its_tensors():
    model = MODELS["recurrent"]()
    rungs = {rung.level: rung for rung in gnlab.ladder(model)}
    assert [name for name in rungs if name[:4] in ("chun", "part")] == [
        "chunk:2",
        "part:2",
        "part:4",
    ]
    assert rungs["part:4"].label == "S = 11, 4 parts of each layer by role"
    assert "1 weights 2/4" in partition(model, "part:4").names


def test_a_level_of_layers_is_a_rung_where_no_layer_has_several_roles():
    names = [rung.level for rung in gnlab.ladder(MODELS["recurrent without biases"]())]
    assert names[:4] == ["all", "layer", "part:2", "part:4"]
    mixed = gnlab.ladder(networks.lenet(seed=0))
    assert "layer" not in {rung.level for rung in mixed}


def test_the_level_of_neurons_is_between_no_two_rungs():
    """It keeps together what they keep apart, or is the level of the units."""
    model = networks.lenet(seed=0)
    neuron = partition(model, "neuron")
    for rung in gnlab.ladder(model)[1:-1]:
        other = partition(model, rung.level)
        assert not neuron.refines(other)
        assert other.refines(neuron) == (rung.num_groups >= 472)
    single = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False))
    assert partition(single, "neuron").num_groups == partition(single, "unit").num_groups


def test_the_names_of_tensor_and_element_stand_for_the_same_groups():
    assert [rung.level for rung in gnlab.ladder(nn.Linear(3, 2))][:2] == ["all", "tensor"]
    assert [rung.level for rung in gnlab.ladder(nn.Linear(1, 1))] == ["all", "element"]
    assert [rung.level for rung in gnlab.ladder(lists((5,)))] == [
        "all",
        "block:2",
        "block:4",
        "element",
    ]


def test_the_ends_and_the_middle_have_names():
    known = {rung.level: rung.known_as for rung in gnlab.ladder(networks.lenet(seed=0))}
    assert "Cauchy" in known["all"]
    assert "canonical" in known["tensor"]
    assert known["element"] == "Newton's method"
    assert known["block:2"] == ""
    assert "VBigMLP" in known["chunk:2"]
    assert "Adam-mini" in known["unit"]


def test_the_cost_grows_with_the_groups():
    model, x = networks.lenet(seed=0), torch.zeros(2, 3, 32, 32)
    for rungs in (gnlab.ladder(model), gnlab.ladder(model, x)):
        costs = {rung.level: rung.cost for rung in rungs}
        # Runs of layers have a second derivative where they meet their own weights, tensors none.
        fine = list(costs.values())[list(costs).index("tensor") :]
        assert fine == sorted(fine)
        assert costs["tensor"] > costs["all"] >= 1


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (
            nn.Sequential(
                nn.ConvTranspose2d(4, 16, 4, 2, 1), nn.Tanh(), nn.ConvTranspose2d(16, 1, 4, 2, 1)
            ),
            torch.zeros(16, 4, 8, 8),
        ),
        (nn.GRU(3, 4, 2, bidirectional=True), torch.zeros(6, 2, 3)),
        (nn.Embedding(20, 4), torch.zeros(5, dtype=torch.int64)),
        (raw(torch.ones(3)), torch.zeros(2)),
    ],
    ids=["transposed", "recurrent", "embedding", "nothing"],
)
def test_one_group_costs_a_gradient_or_few(model, x):
    with torch.inference_mode():
        rungs = gnlab.ladder(model, x)
    assert 1 <= rungs[0].cost < 4
    assert rungs[-1].cost < rungs[-1].num_groups ** 2 * 2
    assert partitions.gradient_work(model, x) > 0


def test_a_buffer_that_is_put_in_anew_is_left_as_it_was():
    class Averaging(nn.Linear):
        def __init__(self):
            super().__init__(3, 2)
            self.register_buffer("ema", torch.zeros(2))

        def forward(self, x):
            y = super().forward(x)
            self.ema = 0.9 * self.ema + 0.1 * y.mean(0).detach()
            return y - self.ema

    model = Averaging()
    ema = model.ema
    gnlab.ladder(model, torch.ones(5, 3))
    assert model.ema is ema
    assert model.ema.equal(torch.zeros(2))


def test_the_model_that_is_looked_at_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    mean, state = model[1].running_mean.clone(), torch.get_rng_state()
    gnlab.ladder(model, torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))
    assert model[1].running_mean.equal(mean)
    assert torch.get_rng_state().equal(state)


def test_parameters_of_no_layer():
    class Raw(nn.Module):
        def __init__(self):
            super().__init__()
            self.theta, self.inner = nn.Parameter(torch.ones(4)), nn.Linear(4, 2)

        def forward(self, x):
            return nn.functional.linear(x * self.theta, self.inner.weight)

    rungs = gnlab.ladder(Raw(), torch.ones(1, 4))
    assert [rungs[0].num_groups, rungs[-1].num_groups] == [1, 14]


def test_the_roles_are_those_of_the_model():
    rung = gnlab.ladder(nn.Sequential(nn.Embedding(4, 4), nn.RMSNorm(4), nn.RMSNorm(4)))[1]
    assert (rung.label, rung.known_as[-19:]) == ("S = 2, weights, others", "one rate for others")


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        (None, None, "model must be a torch.nn.Module; got None"),
        ("lenet", None, "model must be a torch.nn.Module; got 'lenet'"),
        (nn.Sequential(nn.LazyLinear(4)), None, "parameter '0.weight' has no shape yet.*call the"),
        (nn.ReLU(), None, "ReLU has no trainable parameters"),
        (nn.Linear(4, 2), torch.zeros(3, 7), "inputs must be .*RuntimeError: .*mat1 and mat2"),
        (nn.Linear(4, 2), {"x": 1}, "inputs must be .*TypeError"),
        (nn.Bilinear(4, 2, 3), torch.zeros(3, 4), "the one positional argument of the model"),
        (
            VisionTransformer(32, 16, 1, 1, 8, 8, num_classes=2),
            torch.zeros(2, 3, 48, 48),
            "inputs must be .*AssertionError: Wrong image height",
        ),
    ],
)
def test_what_has_no_ladder_is_refused_in_one_line(model, inputs, message):
    with pytest.raises(InputError, match=message) as refused:
        gnlab.ladder(model, inputs)
    assert "\n" not in str(refused.value)


def test_what_is_out_of_memory_is_no_fault_of_the_inputs():
    def short_of_memory(_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = raw(torch.ones(3))
    model.forward = short_of_memory
    with pytest.raises(torch.OutOfMemoryError):
        gnlab.ladder(model, torch.zeros(2))


def test_of_one_tensor_the_one_group_is_all():
    assert [rung.level for rung in gnlab.ladder(nn.Linear(2, 1, bias=False))] == ["all", "element"]
