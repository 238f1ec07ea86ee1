"""A pass is repeated when it is the same but for its numbers, and right when it is not."""

import gc
import subprocess
import sys
import threading

import pytest
import torch
from torch import nn
from torch.nn import functional

from gnlab.partitions import partition
from gnlab.summaries import compute, replay, summarise
from gnlab.summaries.compute import Computation
from gnlab.summaries.replay import cache, making
from gnlab.summaries.replay.program import Program
from gnlab.summaries.replay.recorder import Recorder

DOUBLE = torch.float64


@pytest.fixture(autouse=True, params=["the whole", "the forward half"])
def _in_whole_or_in_part(nothing_kept, monkeypatch, request):
    """What comes a second time is recorded, as a whole or in part."""
    if request.param != "the whole":
        monkeypatch.setattr(Computation, "_repeated", lambda *_: None)


def network(width=5, activation=nn.Tanh):
    layers = nn.Linear(4, width), activation(), nn.Linear(width, width), activation()
    return nn.Sequential(*layers, nn.Linear(width, 3)).double()


def batch(samples=6):
    return torch.randn(samples, 4, dtype=DOUBLE), torch.randint(3, (samples,))


def both(model, data, loss_fn=None, level="tensor", **options):
    """A summary, and the same one without any repetition; they agree."""
    given = model, loss_fn or nn.CrossEntropyLoss(), data, partition(model, level)
    found = summarise(*given, **options)
    with replay.eager():
        anew = summarise(*given, **options)
    tolerance = 1e-12 if found.g.dtype is DOUBLE else 1e-5
    for name in ("loss", "g", "H", "third"):
        one, two = getattr(found, name), getattr(anew, name)
        assert (one - two).abs().max() <= tolerance * two.abs().max(), name
    return found


def stir(model):
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))


def test_the_third_of_a_kind_is_repeated():
    model = network()
    for count in (0, 1, 1, 1):
        stir(model)
        both(model, batch())
        assert replay.kept() == count


def test_every_problem_with_other_numbers(case):
    p = case.partitions()[0]
    for seed in range(4):
        given = case.model, case.loss_fn, case.batch, p, case.direction(seed)
        found = summarise(*given)
        with replay.eager():
            anew = summarise(*given)
        for name in ("g", "H", "third"):
            one, two = getattr(found, name), getattr(anew, name)
            assert (one - two).abs().max() <= 1e-12 * two.abs().max(), name


OTHERS = {
    "width": lambda model, x, y: (network(6), x, y),
    "activation": lambda model, x, y: (network(activation=nn.Sigmoid), x, y),
    "depth": lambda model, x, y: (nn.Sequential(*model, nn.Tanh()), x, y),
    "samples": lambda model, x, y: (model, x[1:], y[1:]),
    "dtype": lambda model, x, y: (network().float(), x.float(), y),
    "layout": lambda model, x, y: (model, x.T.contiguous().T, y),
    "expanded": lambda model, x, y: (model, x[:, :1].expand(-1, 4), y),
    "overlapping": lambda model, x, y: (model, x.reshape(-1)[:9].unfold(0, 4, 1), y),
    "frozen": lambda model, x, y: (frozen(network()), x, y),
}


def frozen(model):
    model[0].weight.requires_grad_(False)
    return model


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_what_is_another_pass_is_not_repeated(change):
    model = network()
    for _ in range(3):
        both(model, batch())
    for _ in range(3):
        both(*_pair(change(model, *batch())))
        both(model, batch())


def _pair(given):
    model, x, y = given
    return model, (x, y)


def test_what_comes_a_few_times_is_not_recorded(monkeypatch):
    """As when a person drags the slider over all partitions: a recording takes its time."""
    monkeypatch.undo()
    model = network()
    for sight in range(1, 12):
        both(model, batch())
        assert replay.kept() == (sight >= cache.SIGHTS)


def test_a_recording_is_made_in_pieces_beside_one_computation_each(monkeypatch):
    """All at once is as long as four computations: the run of a moved slider would stand still."""
    monkeypatch.setattr(cache, "SIGHTS", 11)
    done = []
    pieces = (Recorder, "__enter__"), (Recorder, "settle"), (Program, "build"), (Program, "begin")
    for owner, name in (*pieces, (compute, "sweep")):
        monkeypatch.setattr(owner, name, noted(getattr(owner, name), name, done))
    model, data, p = network(), batch(), partition(network(), "tensor")
    at = []
    for _ in range(13):
        summarise(model, nn.CrossEntropyLoss(), data, p)
        at.append(sorted(done))
        done.clear()
    assert at[:5] == [["sweep"]] * 5
    for sight, name in enumerate(["__enter__", "settle", "settle", "build", "build", "begin"], 5):
        assert at[sight] == sorted([name, "sweep"])
    whole = Computation._repeated.__name__ == "_repeated"
    assert at[11:] == [["begin"] if whole else ["begin", "sweep"]] * 2


def noted(function, name, done):
    def call(*args, **kwargs):
        done.append(name)
        return function(*args, **kwargs)

    return call


def test_other_groups_and_other_wishes():
    model = network()
    for _ in range(3):
        for level in ("all", "role", "tensor"):
            both(model, batch(), level=level)
            parts = both(model, batch(), level=level, parts=True, ggn=True)
            torch.testing.assert_close(sum(part.H for part in parts.parts), parts.H)
    assert replay.kept() == 6


class Odd(nn.Module):
    """What it does depends on its attributes, and on the numbers that it is given."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 5), nn.Linear(5, 3)
        self.scale, self.shift, self.keep = 1.0, torch.zeros(5, dtype=DOUBLE), 0.5
        self.double()

    def forward(self, x):
        inner = self.inner(x) * self.scale + self.shift
        bent = torch.tanh(inner) if x.sum() > 0 else torch.sin(inner)
        return self.outer(functional.dropout(bent, 1 - self.keep))


def test_a_model_that_follows_its_numbers():
    model = Odd()
    for _ in range(12):
        both(model, batch())
    assert replay.kept() == 2  # one for each branch


def test_a_model_whose_attributes_change():
    model = Odd()
    for _ in range(4):
        for model.scale, model.keep in ((1.0, 0.5), (2.0, 0.5), (2, 1.0)):
            model.shift = torch.randn(5, dtype=DOUBLE)
            both(model, batch())


def test_memory_that_is_shared_once_and_then_is_not():
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 4)).double()
    for _ in range(4):
        x = batch()[0]
        both(model, (x, x), nn.MSELoss())
        both(model, (x, batch()[0]), nn.MSELoss())
    assert replay.kept() == 2


def test_a_loss_with_numbers_of_its_own():
    model = network()
    for _ in range(4):
        weight = torch.rand(3, dtype=DOUBLE)
        both(model, batch(), nn.CrossEntropyLoss(weight=weight))
        both(model, batch(), lambda out, y: (out * weight).logsumexp(1).mean())  # noqa: B023  (called at once)


def test_several_batches_of_a_loader():
    model = network()
    both(model, [batch() for _ in range(5)])
    assert replay.kept() == 1


def test_threads_do_not_share_a_programs_memory():
    failed = []

    def work():
        model = network(40)
        try:
            for _ in range(20):
                stir(model)
                both(model, batch(50))
        except AssertionError as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert replay.kept() == 1


def test_what_was_summarised_is_let_go():
    model, data = network(), batch()
    storages = [data[0].untyped_storage(), model[0].weight.untyped_storage()]
    before = [torch._C._storage_Use_Count(storage._cdata) for storage in storages]
    for _ in range(4):
        both(model, data)
    gc.collect()
    assert replay.kept() == 1
    assert [torch._C._storage_Use_Count(storage._cdata) for storage in storages] == before


def test_a_program_says_what_it_reads(monkeypatch):
    """Enough of every input, and no more: a batch may be a view of a whole data set."""
    made = []
    monkeypatch.setattr(making, "captured", lambda program, _: made.append(program) or program)
    model = network()
    whole = torch.randn(50, 4, dtype=DOUBLE)
    for _ in range(3):
        both(model, (whole[10:16], batch()[1]))
    assert (10 * 4 * 8, 16 * 4 * 8) in made[0].extents()


def test_the_programs_share_a_room(monkeypatch):
    monkeypatch.setattr("gnlab.summaries.replay.room._ALL", 1)
    for _ in range(3):
        both(network(5), batch())
        both(network(6), batch())
    assert replay.kept() == 0


def test_recording_loads_no_compiler():
    """Torch's own wrapper around a dispatch mode would: a second and a half, in the middle."""
    code = (
        "import sys, torch, gnlab; from torch import nn; from gnlab.summaries import replay;"
        "model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2));"
        "data = torch.randn(5, 4), torch.randint(2, (5,));"
        "p = gnlab.partition(model, 'tensor');"
        "[gnlab.summarise(model, nn.CrossEntropyLoss(), data, p) for _ in range(12)];"
        "assert replay.kept() == 1; assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_large_pass_is_not_recorded(monkeypatch):
    monkeypatch.setattr("gnlab.summaries.replay.room._LARGEST", 0)
    for _ in range(4):
        both(network(), batch())
    assert replay.kept() == 0


def test_numbers_that_are_not_finite_are_no_model_for_a_repetition():
    model, data = network(activation=nn.Softplus), batch()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1e80)
    for _ in range(4):
        found = summarise(model, nn.CrossEntropyLoss(), data, partition(model, "tensor"))
        assert not found.H.isfinite().all()
        assert replay.kept() == 0
    for p, fresh in zip(model.parameters(), network().parameters(), strict=True):
        p.data.copy_(fresh)
    for _ in range(2):
        both(model, data)
    assert replay.kept() == 1
