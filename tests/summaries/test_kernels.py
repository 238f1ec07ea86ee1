"""Torch's choice of kernels comes back, whoever leaves last."""

import contextlib

import pytest
import torch

from gnlab.summaries.kernels import unfused_attention

cuda = torch.backends.cuda


def chosen():
    return (
        cuda.flash_sdp_enabled(),
        cuda.mem_efficient_sdp_enabled(),
        cuda.cudnn_sdp_enabled(),
        cuda.math_sdp_enabled(),
    )


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_of_overlapping_contexts_the_last_puts_it_back(first_leaves_first):
    before = chosen()
    one, two = contextlib.ExitStack(), contextlib.ExitStack()
    one.enter_context(unfused_attention())
    two.enter_context(unfused_attention())
    leaving = (one, two) if first_leaves_first else (two, one)
    assert chosen() == (False, False, False, True)
    leaving[0].close()
    assert chosen() == (False, False, False, True)
    leaving[1].close()
    assert chosen() == before
