import subprocess
import sys

LOOKED_AT = """
import gc
import gnlab.lab.served
from gnlab.runs.engine.collector import sparing_what_stays

print(len(gc.get_objects()))
with sparing_what_stays():
    print(len(gc.get_objects()))
print(len(gc.get_objects()))
"""


def test_the_collector_passes_over_what_is_there_for_a_while():
    done = subprocess.run(
        [sys.executable, "-c", LOOKED_AT], check=True, stdout=subprocess.PIPE, text=True
    )
    before, within, after = map(int, done.stdout.split())
    assert before > 100_000
    assert within < 0.01 * before
    assert after > 0.9 * before
