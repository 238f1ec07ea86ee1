"""Two parameters in one memory are refused; disjoint parts of one memory are not."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import gnlab
from gnlab.errors import InputError
from gnlab.guards.memory import in_one_memory
from gnlab.partitions import partition

FLAT = torch.zeros(24)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(6, 3, bias=False), nn.Linear(3, 6, bias=False)

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def tie(self):
        self.decoder.weight.data = self.encoder.weight.data.T


def test_a_decoder_tied_by_its_data_is_refused_by_name_everywhere():
    model, x = Autoencoder(), torch.randn(5, 6)
    p = partition(model, "tensor")
    loss_fn = nn.MSELoss()
    gnlab.summarise(model, loss_fn, (x, x), p)
    model.tie()
    for ask in (
        lambda: gnlab.summarise(model, loss_fn, (x, x), p),
        lambda: partition(model, "all"),
        lambda: gnlab.ladder(model),
        lambda: gnlab.GroupedNewton(model, loss_fn, [(x, x)]),
    ):
        with pytest.raises(InputError, match=r"'decoder\.weight' and 'encoder\.weight' are in one"):
            ask()


def test_what_the_message_advises_is_taken():
    model = Autoencoder()
    model.tie()
    model.decoder.weight = nn.Parameter(torch.randn(6, 3))
    model.encoder.weight.requires_grad_(False)
    assert partition(model, "tensor").names == ("decoder.weight",)
    one = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    one[1].weight = one[0].weight
    assert partition(one, "tensor").num_groups == 3
    # A frozen copy of a parameter, as the start of an average, moves with it but has no step.
    model.tie()
    assert partition(model, "tensor").names == ("decoder.weight",)


SHARED = {
    "the same": (FLAT, FLAT),
    "transposed": (FLAT.view(4, 6), FLAT.view(4, 6).T),
    "a part": (FLAT, FLAT[5:7]),
    "overlapping": (FLAT[:5], FLAT[4:8]),
    "every second and every fourth": (FLAT[::2], FLAT[::4]),
    "columns": (FLAT.view(4, 6)[:, :3], FLAT.view(4, 6)[:, 2:]),
    "another dtype": (FLAT[::4], FLAT.view(torch.float64)[::2]),
    "one number": (FLAT[3], FLAT[2:4]),
}
APART = {
    "one after another": (FLAT[:5], FLAT[5:8], FLAT[8:]),
    "even and odd": (FLAT[::2], FLAT[1::2]),
    "columns": FLAT.view(4, 6).split(2, 1),
    "columns, transposed": (FLAT.view(4, 6)[:, :2].T, FLAT.view(4, 6)[:, 2:]),
    "another dtype": (FLAT[2::4], FLAT.view(torch.float64)[::2]),
    "within a hole": (FLAT[::8], FLAT[2:6], FLAT[20:]),
    "empty": (FLAT[3:3], FLAT, FLAT[:0]),
    "meta": (FLAT.to("meta"), FLAT.to("meta")),
    "sparse": (torch.eye(3).to_sparse(), torch.eye(3)),
}


def named(tensors):
    return {str(i): t for i, t in enumerate(tensors)}


@pytest.mark.parametrize("case", SHARED)
def test_common_elements_are_found(case):
    for tensors in (SHARED[case], SHARED[case][::-1], (torch.ones(3), *SHARED[case])):
        found = in_one_memory(named(tensors))
        assert found is not None
        one, two = (tensors[int(name)] for name in found)
        assert any(one is t for t in SHARED[case])
        assert any(two is t for t in SHARED[case])
        assert one is not two or case == "the same"


@pytest.mark.parametrize("case", APART)
def test_disjoint_parts_are_not(case):
    assert in_one_memory(named(APART[case])) is None
    assert in_one_memory(named(APART[case][::-1])) is None


@st.composite
def strided(draw):
    """A tensor of random lengths, strides and begin, within the same memory."""
    dims = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 7)), max_size=3))
    begin = draw(st.integers(0, 10))
    return torch.zeros(60).as_strided([n for n, _ in dims], [s for _, s in dims], begin)


@given(st.lists(strided(), min_size=2, max_size=4))
def test_it_is_what_the_elements_addresses_say(tensors):
    memory = torch.zeros(60)
    parts = [memory.as_strided(t.shape, t.stride(), t.storage_offset()) for t in tensors]
    places = [
        set(
            torch.arange(60)
            .as_strided(t.shape, t.stride(), t.storage_offset())
            .reshape(-1)
            .tolist()
        )
        for t in tensors
    ]
    meet = any(a & b for i, a in enumerate(places) for b in places[:i])
    assert (in_one_memory(named(parts)) is not None) == meet


def test_a_recurrent_layers_flat_weights_and_a_flat_buffer_of_ones_own():
    layer = nn.LSTM(3, 4, 2)
    flat = torch.cat([p.detach().reshape(-1) for p in layer.parameters()])
    at = 0
    for p in layer.parameters():
        p.data = flat[at : at + p.numel()].view_as(p)
        at += p.numel()
    x = torch.randn(5, 2, 3)
    u = {n: torch.randn_like(p) for n, p in layer.named_parameters()}

    def loss_fn(out, y):
        return (out[0] - y).square().mean()

    batch = x, torch.randn(5, 2, 4)
    p = partition(layer, "tensor")
    found = gnlab.summarise(layer, loss_fn, batch, p, u)
    known = gnlab.summarise(copy.deepcopy(layer), loss_fn, batch, p, u)
    torch.testing.assert_close(found.H, known.H)


def test_within_a_transform_of_a_function():
    def found(weight):
        shared = in_one_memory({"weight": weight, "bias": weight[:, 0]})
        return weight.sum() + (0 if shared is None else 1)

    assert torch.func.vmap(found)(torch.zeros(4, 2, 3)).tolist() == [0] * 4
    assert torch.func.grad(found)(torch.zeros(2, 3)).sum() == 6


def test_a_parameter_whose_own_elements_are_in_one_memory():
    model = nn.Linear(5, 1)
    model.bias = nn.Parameter(torch.zeros(1).expand(1))  # one element, as always
    model.weight.data = torch.zeros(5).as_strided((1, 5), (0, 1))  # likewise along its first axis
    assert partition(model, "tensor").num_groups == 2
    known = partition(model, "all")
    model.weight = nn.Parameter(torch.zeros(1).expand(1, 5))
    for refused in (
        lambda: partition(model, "tensor"),
        lambda: gnlab.summarise(model, nn.MSELoss(), (torch.ones(2, 5), torch.ones(2, 1)), known),
    ):
        with pytest.raises(InputError, match=r"elements of parameter 'weight' are in one memory"):
            refused()
    model.weight.requires_grad_(False)
    assert partition(model, "tensor").num_groups == 1
