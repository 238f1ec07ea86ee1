"""No TensorFloat-32 while summaries are computed on a GPU, and everything as before afterwards."""

import torch

from gnlab.summaries import precision

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def switches():
    if precision._NEW:
        return torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


def test_it_is_off_within_and_as_it_was_afterwards():
    before = switches()
    with precision.full_precision(GPU):
        assert switches() == (("ieee", "ieee") if precision._NEW else (False, False))
    assert switches() == before


def test_a_cpu_has_no_such_switch():
    before = switches()
    with precision.full_precision(CPU):
        assert switches() == before
