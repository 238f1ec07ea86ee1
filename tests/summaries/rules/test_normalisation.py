"""Normalisations as one operation, by differences and by the plain definition."""

import torch
from torch.nn import functional as F

from gnlab.summaries.formulas.decompose import standardised

torch.manual_seed(4)
C, Q = (2, 3, 4), (3, 2, 2, 1)
OPERATIONS = {
    "standardised": (lambda x: standardised(x, (2,), 1e-5).sin(), C),
    "standardised: large eps": (lambda x: standardised(x, (-1,), 0.5).sin(), C),
    "standardised: features": (lambda x: standardised(x, (1, 2), 1e-3).exp(), C),
    "standardised: channels": (lambda x: standardised(x, (0, 2, 3), 1e-5).sin(), Q),
    "standardised: bent before": (lambda x: standardised(x.tanh(), (1, 2), 1e-5).sin(), C),
    "standardised: twice": (lambda x: standardised(standardised(x, (2,), 0.1).exp(), (1,), 0.1), C),
    "standardised: layer": (lambda x, w, b: F.layer_norm(x.sin(), (4,), w, b).exp(), C, (4,), (4,)),
    "standardised: groups": (lambda x: F.group_norm(x.tanh(), 1, eps=0.1).sin(), Q),
    "standardised: batch": (lambda x: F.batch_norm(x.tanh(), None, None, training=True).sin(), Q),
}


def test_derivatives(operation, used):
    operation.check()
    assert "standardised" in used


def test_repetition(operation):
    operation.check_repetition()
