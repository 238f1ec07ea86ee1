import asyncio
import gc
import json
import re
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from torch import nn

import gnlab
from gnlab.errors import InputError
from gnlab.lab import cells, notebook
from gnlab.lab.notebook import Lab
from gnlab.runs import Pause, Step


@pytest.fixture
def lab():
    made = Lab("moons", seed=3)
    yield made
    made.close()


def test_it_is_found_under_the_packages_own_name(lab):
    assert gnlab.Lab is Lab
    assert lab.run.settings.preset == "moons"
    assert lab.run.settings.seed == 3


def test_steps_are_the_runs_own(lab):
    record = lab.step(3)
    assert record.step == 3 == lab.snapshot.step
    alone = gnlab.Run("moons", seed=3)
    for _ in range(3):
        expected = alone.step()
    assert record.loss == expected.loss
    np.testing.assert_array_equal(record.H, expected.H)


def test_cells_stay_usable_while_it_trains(lab):
    lab.step()
    lab.play()
    while lab.snapshot.step < 3:
        pass
    lab.pause()
    step = lab.snapshot.step
    assert lab.snapshot.state == "paused"
    assert lab.run.history.step[-1] == step
    assert sum(p.numel() for p in lab.run.model.parameters()) > 0


def test_steps_that_are_interrupted_are_not_made(lab, monkeypatch):
    def interrupted(_seconds):
        raise KeyboardInterrupt

    lab.step()
    sent, send = [], lab._engine.send
    monkeypatch.setattr(lab._engine, "send", lambda run, new: sent.append(new) or send(run, new))
    monkeypatch.setattr(notebook.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lab.step(1_000_000)
    assert sent == [Step(1_000_000), Pause()]


def test_nobody_waits_for_an_engine_that_has_ended(lab, monkeypatch):
    lab.step()
    monkeypatch.setattr(lab._engine, "_tell", lambda _: None)
    monkeypatch.setattr(lab._engine, "_thread", threading.Thread())  # one that does not run
    for ask in (lab.pause, lab.step):
        with pytest.raises(InputError, match="engine has ended; make another"):
            ask()


def test_it_goes_on_with_a_run_that_exists():
    run = gnlab.Run("moons")
    run.step()
    lab = Lab(run)
    assert lab.step().step == 2
    assert lab.run.model is run.model
    lab.close()


def test_a_model_that_the_data_do_not_fit_is_told_by_its_own_error(own_problem):
    lab = Lab(gnlab.Run(problem=own_problem(nn.Linear(4, 1))))
    with pytest.raises(InputError, match=r"could not be taken over: RuntimeError: mat1 and mat2"):
        lab.step()
    with pytest.raises(InputError, match="could not be taken over"):
        _ = lab.run
    assert lab._engine.alive
    lab.close()


def test_settings_for_a_run_that_has_its_own_are_refused():
    with pytest.raises(InputError, match="a run has its own settings; got lr"):
        Lab(gnlab.Run("moons"), lr=0.1)


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'moons'"):
        Lab("moon")


def test_a_problem_is_told_in_one_line_how_it_is_shown(own_problem):
    with pytest.raises(InputError, match=r"^a lab is of .*; got a Problem\. .*Run\(problem=...\)"):
        Lab(own_problem(nn.Linear(3, 1)))


@pytest.mark.parametrize("theme", ["pink", None, ["dark"]])
def test_an_unknown_theme_is_refused_before_anything_is_begun(theme):
    before = threading.active_count()
    with pytest.raises(InputError, match=r"^unknown theme .*Valid: light, dark\.$"):
        Lab("moons", theme=theme)
    assert threading.active_count() == before


def test_outside_a_notebook_there_is_no_page_and_what_shows_one_is_told(lab):
    for ask in (lab.widget, lab.page):
        with pytest.raises(InputError, match=r"in a notebook's cell.*gnlab serve"):
            ask()
    assert lab.step().step == 1


def test_its_page_is_the_served_one_and_is_built_once(lab):
    async def show():
        page = lab.page()
        while page.session._under_way is None:
            await asyncio.sleep(0.01)
        return page

    page = asyncio.run(show())
    assert lab.page() is page
    assert "numbers" in page.session.frame.data


def test_a_page_that_follows_its_run_no_more_says_so(lab):
    async def show():
        first = shown(lab)
        second = shown(lab)
        lab.close()
        return first, second

    first, second = asyncio.run(show())
    assert [page.session.closed for page in (first, second)] == [True, True]
    assert "shown again, elsewhere" in first.message._text.text
    assert "was closed" in second.message._text.text


@pytest.mark.parametrize("before", [False, True])
def test_its_page_as_a_cells_last_line_shows_the_lab(before, lab):
    async def show():
        if before:
            lab.widget()
        page = lab.page()
        bundle = page._repr_mimebundle_()
        return page, lab.page(), bundle[0] if isinstance(bundle, tuple) else bundle

    page, now, bundle = asyncio.run(show())
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert (page.session.closed, now.session.closed) == (True, False)
    lab.close()
    with pytest.raises(InputError, match="it has been closed"):
        asyncio.run(shown_as_a_last_line(now))


async def shown_as_a_last_line(page):
    return page._repr_mimebundle_()


def shown(lab):
    lab.widget()
    return lab.page()


def test_a_lab_that_was_closed_is_not_shown(lab):
    async def show():
        lab.close()
        for ask in (lab.widget, lab.page):
            with pytest.raises(InputError, match="it has been closed"):
                ask()

    lab.step()
    asyncio.run(show())


def test_the_lab_needs_no_page_to_be_imported():
    code = "import sys, gnlab; assert not {'panel', 'bokeh'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_labs_that_nobody_holds_end(monkeypatch):
    monkeypatch.setattr(cells, "_cell", lambda: ("a cell", 1))
    threads = []
    for seed in range(3):
        dropped = Lab("moons", seed=seed)
        dropped.step(2)
        dropped.play()
        threads.append(dropped._engine._thread)
    del dropped
    gc.collect()
    for thread in threads:
        thread.join(60)
    assert [thread.is_alive() for thread in threads] == [False] * 3


def test_a_lab_that_is_shown_goes_on_until_its_cell_is_run_again(monkeypatch):
    monkeypatch.setattr(cells, "_cell", lambda: ("another cell", 1))

    async def show():
        made = Lab("moons")
        made.widget()
        page, engine = weakref.ref(made.page()), weakref.ref(made._engine)
        del made
        gc.collect()
        page().session.send(Step(3))
        while engine().snapshot(page().session.run_id).step < 3:
            await asyncio.sleep(0.01)
        monkeypatch.setattr(cells, "_cell", lambda: ("another cell", 2))
        Lab("moons").close()
        assert not engine().alive

    asyncio.run(show())


def test_without_the_extra_it_says_what_to_install(monkeypatch, lab):
    monkeypatch.setitem(sys.modules, "jupyter_bokeh.widgets", None)
    with pytest.raises(InputError, match=r"gnlab\[notebook\]"):
        lab.widget()


def test_the_page_in_a_cell_asks_no_network_for_anything(lab):
    """A notebook may be offline, and a style sheet that does not come holds up what it is of."""

    async def shown():
        lab.widget()
        return json.dumps(lab.page().root.document.to_json(), default=str)

    addresses = set(re.findall(r"https?://[\w./-]+", asyncio.run(shown())))
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_a_step_that_cannot_be_made_is_an_error_with_how_many_were(own_problem):
    class Breaking(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.calls = nn.Linear(3, 1), 0

        def forward(self, x):
            self.calls += 1
            if self.calls > 8:
                raise ValueError("on purpose")
            return self.layer(x)

    lab = Lab(gnlab.Run(problem=own_problem(Breaking())))
    with pytest.raises(InputError, match=r"[1-9] of 20 steps were made: .*on purpose"):
        lab.step(20)
    with pytest.raises(InputError, match=r"0 of 5 steps were made: .*on purpose"):
        lab.step(5)
    lab.close()
    with pytest.raises(InputError, match="it has been closed"):
        lab.step()
