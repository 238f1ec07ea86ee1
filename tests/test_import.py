"""What an import loads: the engine works on a machine without any UI library."""

import json
import subprocess
import sys

import pytest

import gnlab

UI = (
    "panel",
    "bokeh",
    "holoviews",
    "param",
    "matplotlib",
    "ipywidgets",
    "IPython",
    "jupyter_bokeh",
)


def loaded_by(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nsys.stdout.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "statement", ["import gnlab", "import gnlab.runs", "import gnlab.problems", "import gnlab.cli"]
)
def test_no_ui_library_is_loaded(statement):
    loaded = loaded_by(statement)
    assert "gnlab" in loaded
    assert sorted(loaded.intersection(UI)) == []
    assert not any(name.startswith("gnlab.lab") for name in loaded)


def test_the_lab_is_found_on_first_use():
    loaded = loaded_by("import gnlab; gnlab.Lab")
    assert "panel" in loaded


def test_the_rates_come_with_the_package():
    assert "gnlab.rates.measure" in loaded_by("import gnlab; gnlab.rates.measure")


def test_a_ladder_does_not_import_torchs_compiler():
    # It takes seconds, in which the lab's engine would stand still.
    ladder = "gnlab.ladder(torch.nn.Linear(2, 2), torch.ones(1, 2))"
    assert "torch._dynamo" not in loaded_by(f"import gnlab, torch; {ladder}")


def test_every_listed_name_exists():
    assert [name for name in gnlab.__all__ if getattr(gnlab, name, None) is None] == []


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"gnlab.*'Labb'"):
        gnlab.Labb  # noqa: B018  (to look it up is the test)
