"""Programs for a GPU: run by Triton's interpreter here, on the GPU itself where there is one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import fused, replay, summarise
from gnlab.summaries.fused import operators

DOUBLE = torch.float64


def test_the_programs_as_an_interpreter_runs_them():
    pytest.importorskip("triton", reason="Triton, which there is for Linux only")
    # Older interpreters of Triton's do what NumPy has deprecated.
    theirs = "ignore::DeprecationWarning:triton.runtime.interpreter"
    command = [sys.executable, "-m", "pytest", "-q", "-W", theirs]
    command += ["-o", "addopts=--import-mode=importlib"]
    found = subprocess.run(
        [*command, str(Path(__file__).with_name("interpreted.py"))],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_without_a_gpu_nothing_is_fused():
    fused.prepare(torch.device("cpu"))
    assert not fused.fits(torch.ones(3))
    assert not fused.multiplies(torch.ones(3, 4), torch.ones(2, 4))


def network(activation):
    """Twelve groups at one for each tensor, so that both ways to add up pairs are taken."""
    layers = [nn.Conv2d(1, 3, 3), activation(), nn.Flatten(), nn.Linear(48, 6), activation()]
    for _ in range(3):
        layers += [nn.Linear(6, 6), activation()]
    return nn.Sequential(*layers, nn.Linear(6, 3))


@pytest.mark.gpu
@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.Softplus])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (DOUBLE, 1e-10)])
@pytest.mark.parametrize("level", ["tensor", "unit"])
def test_a_gpu_gives_what_the_definition_gives(activation, dtype, tolerance, level, monkeypatch):
    if not operators._runs(torch.device("cuda", torch.cuda.current_device())):
        pytest.skip("Triton builds nothing here: it needs a C compiler")
    bends = []
    real = operators.bend
    monkeypatch.setattr(fused, "bend", lambda *given: bends.append(given) or real(*given))
    model = network(activation).to("cuda", dtype)
    batch = torch.randn(40, 1, 6, 6, dtype=dtype).cuda(), torch.randint(3, (40,)).cuda()
    asked = model, nn.functional.cross_entropy, batch, partition(model, level)
    with replay.eager():
        found = summarise(*asked, method="jets")
    plain = summarise(*asked, method="autodiff")
    assert bends
    for name in ("g", "H", "third"):
        one, two = getattr(found, name), getattr(plain, name)
        assert (one - two).abs().max() <= tolerance * two.abs().max(), name
