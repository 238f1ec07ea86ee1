import subprocess
import sys
import threading

import pytest

from gnlab.lab.page_thread import PageThread


def test_everything_is_done_on_one_thread_that_is_not_the_callers():
    pages = PageThread()
    there = pages.now(threading.current_thread)
    assert there is pages.now(threading.current_thread)
    assert there is not threading.current_thread()
    assert (there.name, there.daemon) == ("gnlab-pages", True)


def test_what_is_asked_for_there_is_done_at_once():
    pages = PageThread()
    assert pages.now(lambda: pages.now(lambda: 7)) == 7


def test_a_fault_is_raised_where_it_is_waited_for_and_the_thread_lives_on():
    pages = PageThread()
    with pytest.raises(ZeroDivisionError):
        pages.now(lambda: 1 // 0)
    assert pages.now(lambda: 1) == 1


def test_threads_that_ask_at_the_same_time_are_served_one_after_the_other():
    pages, inside, most = PageThread(), [], []

    def act():
        inside.append(1)
        most.append(len(inside))
        inside.pop()

    asking = [threading.Thread(target=lambda: [pages.now(act) for _ in range(50)]) for _ in "four"]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert most == [1] * 200
    assert [t.name for t in threading.enumerate()].count("gnlab-pages") >= 1


def test_a_program_ends_after_what_is_being_done_there():
    program = """
import threading, time
from gnlab.lab.page_thread import PAGES

def act():
    begun.set()
    time.sleep(1)
    print("done")

begun = threading.Event()
threading.Thread(target=PAGES.now, args=(act,), daemon=True).start()
begun.wait()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
