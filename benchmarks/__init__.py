"""Measurements of gnlab: each module is a command, ``python -m benchmarks.NAME``.

``summaries`` times summaries against gradients, ``training`` draws training curves, ``lab``
measures the page in a real browser, ``findings`` what its design rests on, ``figures`` draws what
was measured, ``tables`` writes it down. Results are JSON files in ``benchmarks/results``, each with
a record of the machine that they were measured on.
"""
