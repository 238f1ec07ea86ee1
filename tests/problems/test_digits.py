"""The embedded digits: all of them, once, split at random."""

import importlib.util

import torch
from sklearn.datasets import load_digits

from gnlab.problems import digits


def rows(data):
    return torch.cat([data.inputs.flatten(1), data.targets.unsqueeze(1)], dim=1).long()


def test_split_holds_every_digit_once():
    images, targets = load_digits(return_X_y=True)
    official = torch.cat([torch.tensor(images), torch.tensor(targets).unsqueeze(1)], dim=1).long()
    train, validation = digits.digit_sets()
    assert (len(train), len(validation)) == (1500, 297)
    together = torch.cat([rows(train), rows(validation)]).tolist()
    assert sorted(together) == sorted(official.tolist())


def test_every_class_is_in_both_parts():
    for data in digits.digit_sets():
        share = data.targets.bincount(minlength=10) / len(data)
        assert share.min() > 0.06
        assert share.max() < 0.14


def test_training_inputs_are_standardised():
    train, _ = digits.digit_sets()
    x, _ = train.batch(torch.arange(1500), dtype=torch.float64)
    assert x.shape == (1500, 1, 8, 8)
    assert abs(x.mean()) < 1e-3
    assert abs(x.std() - 1) < 1e-3


def test_falls_back_on_scikit_learns_own_reader(monkeypatch):
    direct = digits._table()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert (digits._table() == direct).all()
