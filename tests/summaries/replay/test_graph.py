"""What a graph reads is copied to a place of its own; the rest needs a GPU."""

import copy
import logging
import warnings
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import compute, replay, summarise
from gnlab.summaries.replay import cache, graph
from gnlab.summaries.replay.graph import Copies, Graph
from gnlab.summaries.replay.making import PIECES
from gnlab.summaries.replay.program import Program

pytestmark = pytest.mark.usefixtures("nothing_kept")

DOUBLE = torch.float64


def network():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def given(model):
    """A batch in the middle of a data set, which is not to be copied whole."""
    data = torch.randn(50, 4, dtype=DOUBLE)
    return model, nn.CrossEntropyLoss(), (data[10:16], torch.randint(3, (6,)))


def test_a_program_that_reads_copies(copied):
    model = network()
    p = partition(model, "tensor")
    for _ in range(4):
        asked = given(model)
        found = summarise(*asked, p)
        with replay.eager():
            anew = summarise(*asked, p)
        torch.testing.assert_close((found.H, found.g), (anew.H, anew.g), rtol=1e-13, atol=0)
    (kept,) = [entry.kept for entry in cache._known.values() if entry.kept is not None]
    assert kept.program.copies.size < 50 * 4 * 8 + 3000


def test_what_cannot_be_captured_is_repeated_as_it_is_and_told_once(monkeypatch, caplog):
    @torch.inference_mode()
    def failing(program, inputs):
        Copies(program, inputs).read(inputs)  # as far as a capture comes
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(graph, "_told", set())
    monkeypatch.setattr(graph, "_has_graphs", lambda device: True)
    monkeypatch.setattr(graph, "Graph", failing)
    with caplog.at_level(logging.WARNING, "gnlab"):
        for model in (network(), network()):
            replay.forget()
            for _ in range(4):
                asked = *given(model), partition(model, "tensor")
                found = summarise(*asked)
                with replay.eager():
                    anew = summarise(*asked)
                for name in ("loss", "g", "H", "third"):
                    one, two = getattr(found, name), getattr(anew, name)
                    torch.testing.assert_close(one, two, rtol=1e-13, atol=0)
            (kept,) = [entry.kept for entry in cache._known.values() if entry.kept is not None]
            assert isinstance(kept.program, Program)
    assert caplog.messages == [
        "no CUDA graph of a summary (operation not permitted when stream is capturing): "
        "its operations are repeated one by one, more slowly."
    ]


@pytest.mark.gpu
def test_a_capture_that_fails_on_a_gpu_leaves_the_program(on_gpu, monkeypatch, caplog):
    own = Graph._capture

    def failing(captured, device):
        own(captured, device)
        raise RuntimeError("no capture")

    monkeypatch.setattr(graph, "_told", set())
    monkeypatch.setattr(Graph, "_capture", failing)
    asked, tolerance = on_gpu
    with caplog.at_level(logging.WARNING, "gnlab"):
        for _ in range(4):
            found = summarise(*asked)
            with replay.eager():
                anew = summarise(*asked)
            assert (found.H - anew.H).abs().max() <= tolerance * anew.H.abs().max()
    assert caplog.text.count("no CUDA graph of a summary (no capture)") == (found.method == "jets")


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (DOUBLE, 1e-12)])
def test_a_graph_repeats_with_other_numbers(dtype, tolerance):
    model = network().to("cuda", dtype)
    p = partition(model, "tensor")
    for _ in range(5):
        _, loss_fn, (x, y) = given(model)
        asked = model, loss_fn, (x.to("cuda", dtype), y.cuda()), p
        found = summarise(*asked)
        with replay.eager():
            anew = summarise(*asked)
        assert (found.H - anew.H).abs().max() <= tolerance * anew.H.abs().max()
    (kept,) = [entry.kept for entry in cache._known.values() if entry.kept is not None]
    assert isinstance(kept.program, Graph)


def moved(tree, dtype):
    """A batch on the GPU."""
    if isinstance(tree, dict):
        return {key: moved(item, dtype) for key, item in tree.items()}
    return tree.to("cuda", dtype) if tree.is_floating_point() else tree.cuda()


@pytest.fixture(params=[torch.float32, DOUBLE])
def on_gpu(case, request):
    """A problem on the GPU: what its summary is asked of, and the tolerance of its dtype."""
    model = copy.deepcopy(case.model).to("cuda", request.param)
    batch = tuple(moved(part, request.param) for part in case.batch)
    asked = model, case.loss_fn, batch, partition(model, "tensor")
    return asked, 1e-5 if request.param == torch.float32 else 1e-12


@pytest.mark.gpu
def test_a_graph_gives_what_the_pass_gives_for_every_problem(on_gpu):
    asked, tolerance = on_gpu
    for _ in range(4):
        found = summarise(*asked)
        with replay.eager():
            anew = summarise(*asked)
        for name in ("g", "H", "third"):
            one, two = getattr(found, name), getattr(anew, name)
            assert (one - two).abs().max() <= tolerance * two.abs().max(), name
        with torch.no_grad():
            for p in asked[0].parameters():
                p.mul_(1 + 1e-3 * torch.randn_like(p))
    if found.method == "jets":
        (kept,) = [entry.kept for entry in cache._known.values() if entry.kept is not None]
        assert isinstance(kept.program, Graph)


@pytest.mark.gpu
def test_nothing_waits_for_the_gpu_within_a_pass(on_gpu, monkeypatch):
    asked, _ = on_gpu
    times = []

    @contextmanager
    def unsynchronised():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype")
            torch.cuda.set_sync_debug_mode("error" if len(times) > 1 else "default")
        try:
            yield
        finally:
            times.append(None)
            torch.cuda.set_sync_debug_mode("default")

    def watched(function):
        def call(*args, **kwargs):
            with unsynchronised():
                return function(*args, **kwargs)

        return call

    monkeypatch.setattr(cache, "SIGHTS", 3 + 1 + PIECES + 1)
    with monkeypatch.context() as patched:
        patched.setattr(compute, "sweep", watched(compute.sweep))
        for _ in range(3):
            summarise(*asked)
    for _ in range(1 + PIECES + 1):
        found = summarise(*asked)
    for name in ("begin", "finish"):
        monkeypatch.setattr(Graph, name, watched(getattr(Graph, name)))
    summarise(*asked)
    assert len(times) == (5 if found.method == "jets" else 0)
