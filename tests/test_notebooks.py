"""Every notebook runs from its first cell to its last, in a kernel, and is kept without outputs."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXECUTED = "application/vnd.bokehjs_exec.v0+json"  # what draws a figure
NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))


def opened(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def executed(request):
    notebook = opened(request.param)
    place = {"metadata": {"path": str(request.param.parent)}}
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources=place).execute()
    return notebook


def outputs(notebook):
    return [out for cell in code_cells(notebook) for out in cell.outputs]


def results(notebook):
    return [out.data for out in outputs(notebook) if out.output_type == "execute_result"]


def test_no_cell_complains(executed):
    streams = [out for out in outputs(executed) if "text" in out]
    said = [out.text for out in streams if out.name == "stderr"]
    assert said == []


def test_the_first_run_shows_the_lab_and_solves(executed):
    shown, *rest = results(executed)
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert any(data["text/plain"].startswith("'solved") for data in rest)
    drawn = [out for out in outputs(executed) if "id" in out.get("metadata", {}).get(EXECUTED, {})]
    assert len(drawn) == 2


def test_it_asks_no_network_for_style_sheets(executed):
    """A notebook may be offline, and a style sheet that does not come holds up what it is of."""
    said = json.dumps(outputs(executed))
    assert re.findall(r"https?://[^\"'\s<>]+\.css", said) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_valid_and_kept_without_outputs(path):
    notebook = opened(path)
    nbformat.validate(notebook)
    assert all(cell.outputs == [] for cell in code_cells(notebook))
    assert all(cell.execution_count is None for cell in code_cells(notebook))
