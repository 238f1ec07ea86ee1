"""The lab in a real JupyterLab: cells are run by keyboard, the page in a cell by mouse."""

import json
import os
import sys

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SIZE = "() => model_named('hessian-cells')?.data.image[0]?.shape?.[0] ?? 0"
RAW = "() => Array.from(model_named('hessian-cells').data.raw[0])"
STEP = "() => model_named('frame').data.step[0]"
STATE = "() => model_named('frame').data.state[0]"
READY = """async () => {
  await jupyterapp.restored
  const context = jupyterapp.shell.currentWidget.sessionContext
  await context.ready
  await context.session.kernel.info
}"""

FOLDERS = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "IPYTHONDIR",
)
LOOK = """import json
json.dumps({
    "step": lab.snapshot.step,
    "state": lab.snapshot.state,
    "recorded": int(lab.run.history.step[-1]),
    "parameters": sum(p.numel() for p in lab.run.model.parameters()),
})"""
CELLS = {
    "lab": [
        'import gnlab\nlab = gnlab.Lab("digits-mlp")\nlab',
        LOOK,
        f"lab.pause()\n{LOOK}",
        "lab",
    ],
    "again": [
        'import gnlab\nlabs = [gnlab.Lab("quadratic"), gnlab.Lab("moons")]\nlabs[0].play()',
        "import json, threading\n"
        "engines = [t.name for t in threading.enumerate()].count('gnlab-engine')\n"
        "json.dumps({'engines': engines, 'states': [lab.snapshot.state for lab in labs]})",
    ],
    "busy": [
        'import gnlab\nlab = gnlab.Lab("digits-mlp")\nlab',
        "lab.step(1_000_000).step",
    ],
    "nested": [
        "import gnlab, ipywidgets\n"
        'lab = gnlab.Lab("digits-mlp")\n'
        'below = ipywidgets.HTML("<b>below the lab</b>")\n'
        "ipywidgets.VBox([lab.widget(), below])",
    ],
}


@pytest.fixture(scope="module")
def jupyter(serving, tmp_path_factory):
    """The address of a JupyterLab that knows nothing of its user's settings."""
    root, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    for name, cells in CELLS.items():
        write(root / f"{name}.ipynb", cells)
    ask_nothing(home / "JUPYTERLAB_SETTINGS_DIR")
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port={port}",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}", "--IdentityProvider.token=",
        "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    environment = os.environ | {name: str(home / name) for name in FOLDERS}
    with serving(*command, path="lab", env=environment) as (url, _):
        yield url


def write(path, cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)


def ask_nothing(settings):
    """Keep JupyterLab from asking whether to fetch news: it asks in front of the page."""
    folder = settings / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (folder / "notification.jupyterlab-settings").write_text(json.dumps(quiet))


class Notebook:
    """An open notebook, and what a person does there."""

    def __init__(self, page, address):
        self.page = page
        page.goto(address)
        page.wait_for_selector(".jp-CodeCell")
        self.read(READY)

    def wait(self, condition, argument=None):
        self.page.wait_for_function(condition, arg=argument)

    def read(self, expression, argument=None):
        return self.page.evaluate(expression, argument)

    def run(self, place):
        """Run a cell and wait for its end; returns what its last line gives."""
        return self.begin(place)()

    def begin(self, place):
        """Run a cell; returns what waits for its end."""
        cell = self.page.locator(".jp-CodeCell").nth(place)
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")

        def end():
            self.wait(
                "([prompt, before]) => /\\d/.test(prompt.innerText) && prompt.innerText != before",
                [prompt.element_handle(), before],
            )
            return cell.locator(".jp-OutputArea").inner_text()

        return end

    def look(self, place):
        """Run a cell that looks at the lab."""
        said = self.run(place)
        return json.loads(said[said.index("{") : said.rindex("}") + 1])

    def press(self, name):
        self.page.locator(".gn-side").get_by_role("button", name=name, exact=True).click()


@pytest.fixture
def notebook(tab, jupyter):
    def opened(name):
        return Notebook(tab(), f"{jupyter}/tree/{name}.ipynb?reset")

    return opened


def test_the_page_lives_in_a_cell_and_other_cells_stay_usable(notebook, drag, keep):
    book = notebook("lab")
    book.run(0)
    book.wait("() => model_named('ack')?.data.version.length > 0")  # it was drawn
    book.page.locator(".gn-hessian canvas").first.wait_for()

    book.press("▶ Play")
    book.wait(f"() => ({SIZE})() == 8")
    before = book.read(RAW)
    book.wait(f"(before) => ({RAW})().some((value, i) => value != before[i])", before)
    drag(book.page, 0.0)
    book.wait(f"() => ({SIZE})() == 1")
    assert book.read(STATE) == "playing"
    drag(book.page, "one group per tensor")
    book.wait(f"() => ({SIZE})() == 8")
    keep(book.page, "jupyter-playing")

    seen = book.look(1)
    assert seen["state"] == "playing"
    assert seen["recorded"] >= 1
    assert seen["parameters"] == 64 * 32 + 32 + 2 * (32 * 32 + 32) + 32 * 10 + 10
    book.wait(f"(step) => ({STEP})() > step", seen["step"])

    paused = book.look(2)
    assert paused["state"] == "paused"
    assert paused["recorded"] == paused["step"] > seen["step"]
    book.wait(f"(step) => ({STATE})() == 'paused' && ({STEP})() == step", paused["step"])

    book.press("▶ Play")
    book.wait(f"(step) => ({STEP})() > step", paused["step"])
    book.press("Pause")
    book.wait(f"() => ({STATE})() == 'paused'")
    assert book.look(1)["state"] == "paused"
    keep(book.page, "jupyter-paused")

    level = "() => { const {value, end} = model_named('coarseness'); return [value, end] }"
    before = book.read(level)
    assert before[0] == 3
    book.page.keyboard.press("Control+s")
    book.wait("() => !jupyterapp.shell.currentWidget.context.model.dirty")
    book.page.reload()
    book.read(READY)
    book.wait("() => model_named('ack')?.data.version.length > 0")
    assert book.read(level) == before  # the page as it is, not as it was made

    assert "Error" not in book.run(3)  # it can be shown a second time
    book.page.locator(".gn-hessian canvas").nth(1).wait_for()


def test_the_page_lives_on_while_a_cell_runs(notebook, drag, keep):
    book = notebook("busy")
    book.run(0)
    book.page.locator(".gn-hessian canvas").first.wait_for()
    end = book.begin(1)
    book.wait(f"() => ({SIZE})() == 8 && ({STEP})() > 3")
    drag(book.page, 0.0)
    book.wait(f"() => ({SIZE})() == 1")
    keep(book.page, "jupyter-busy")
    book.press("Pause")
    assert int(end().splitlines()[-1]) > 3
    book.wait(f"() => ({STATE})() == 'paused'")


def test_a_cell_that_is_run_again_closes_the_labs_it_made_before(notebook):
    book = notebook("again")
    for _ in range(2):
        book.run(0)
        assert book.look(1)["engines"] == 2
    assert "stopped" not in book.look(1)["states"]


def test_it_can_be_nested_in_a_layout_of_widgets(notebook, keep):
    book = notebook("nested")
    book.run(0)
    book.press("▶ Play")
    book.wait(f"() => ({SIZE})() == 8 && ({STEP})() > 3")
    assert book.page.get_by_text("below the lab", exact=True).count() == 1
    keep(book.page, "jupyter-nested")
