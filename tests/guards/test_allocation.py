"""What the C library is told to do with free memory."""

import torch

from gnlab.guards import allocation

CPU = torch.device("cpu")


class Library:
    """A C library that keeps what it is told."""

    def __init__(self):
        self.told = []

    def malloc_trim(self, pad):
        self.told.append("trim")

    def mallopt(self, number, value):
        self.told.append((number, value))


def test_the_thresholds_are_set_by_the_first_and_set_back_by_the_last(monkeypatch):
    library = Library()
    monkeypatch.setattr(allocation, "_glibc", lambda: library)
    with allocation.giving_back(CPU), allocation.giving_back(CPU):
        assert library.told == ["trim", (-3, 2**18)]
    assert library.told[2:] == [(-3, 2**25), (-1, 2**26)]


def test_what_a_person_has_set_and_a_gpu_are_left_alone(monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    allocation._glibc.cache_clear()
    assert allocation._glibc() is None
    allocation._glibc.cache_clear()
    library = Library()
    monkeypatch.setattr(allocation, "_glibc", lambda: library)
    with allocation.giving_back(torch.device("cuda")):
        assert library.told == []
