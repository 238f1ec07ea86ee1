from gnlab.runs import Settings
from gnlab.runs.engine.commands import Pause, Reset, Step, Substep
from gnlab.runs.engine.start import Start


def test_what_depends_on_the_run_waits_and_so_does_all_that_follows_it():
    start = Start(Settings())
    assert not start.hold(Reset())  # nothing is being loaded
    start.begin(Settings(seed=1))
    sent = [Pause(), Step(2), Reset(), Pause(), Substep()]
    assert [start.hold(command) for command in sent] == [False, False, True, True, True]
    assert start.end(Settings(seed=1)) == sent[2:]
    assert not start.under_way
    assert not start.hold(Reset())


def test_a_start_that_failed_leaves_the_settings_of_the_run_that_there_is():
    start = Start(Settings())
    start.begin(Settings(seed=1))
    assert start.settings.seed == 1
    start.end(Settings())
    assert start.settings == Settings()
    assert not start.under_way
