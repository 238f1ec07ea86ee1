"""The findings on which the lab's design rests, each measured against the other way of doing it.

    python -m benchmarks.findings [--only NAME ...] [--quick] [--seconds 60] [--again]

A finding measures both sides in turn, round by round, so that a machine that slows down slows
both, and keeps the ratio of each round. Results go to ``benchmarks/results/findings.json``.

``busy``, the global busy state that panel-material-ui's page mirrors to every session, is no case
here: the lab has a plain Panel layout and does not depend on that package. What a plain layout
gives with thirty pages is what ``sessions`` measures.
"""
