"""Samples in blocks: jets of a few samples go through many operations before those of the next.

The jets of a large batch fit into no cache, and every operation would fetch them from memory and
write them back. What an operation adds to H̄ is a sum over its result's entries. So where each
sample's result is made of that sample alone, a few samples are carried through operation after
operation, then the next few: the same sums, and no more memory than a few samples' jets.
"""
