"""Every notebook runs from its first cell to its last, in a kernel, and is kept without outputs."""

import ast
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


def drawn(notebook):
    return [out for out in outputs(notebook) if "id" in out.get("metadata", {}).get(EXECUTED, {})]


def test_no_cell_complains(executed):
    streams = [out for out in outputs(executed) if "text" in out]
    said = [out.text for out in streams if out.name == "stderr"]
    assert said == []


@pytest.mark.parametrize("executed", [NOTEBOOKS[0]], ids=lambda path: path.stem, indirect=True)
def test_the_first_run_shows_the_lab_and_solves(executed):
    shown, *rest = results(executed)
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert any(data["text/plain"].startswith("'solved") for data in rest)
    assert len(drawn(executed)) == 2


@pytest.mark.parametrize("executed", [NOTEBOOKS[1]], ids=lambda path: path.stem, indirect=True)
def test_the_equation_is_solved(executed):
    errors, method = (ast.literal_eval(data["text/plain"]) for data in results(executed))
    assert len(errors) == 4
    assert errors["grouped Newton"]["error"] < 0.02
    assert method == "jets"
    assert len(drawn(executed)) == 1


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
