"""What a person reads who points at a figure: the names and the raw values of the run itself."""

import pytest

import gnlab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# Where a point of a figure's axes is in the window.
PLACE = """([name, x, y]) => {
  const view = Bokeh.index.find_one(model_named(name))
  const {left, top} = view.canvas_view.el.getBoundingClientRect()
  return [left + view.frame.x_scale.compute(x), top + view.frame.y_scale.compute(y)]
}"""

COLUMNS = """() => Object.fromEntries(Object.entries(model_named('rates-groups').data)
  .map(([name, column]) => [name, Array.from(column)]))"""


@pytest.fixture
def page(tab, address):
    """The page after one step."""
    page = tab()
    page.goto(address)
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_function("() => model_named('hessian-cells')?.data.image[0]?.shape?.[0] == 8")
    return page


@pytest.fixture(scope="module")
def record():
    """The same step, made here."""
    return gnlab.Run("digits-mlp").step()


@pytest.fixture
def point(page):
    """Point at a place of a figure; returns what the tooltip says, by its labels."""

    def point(name, x, y):
        page.locator(f".gn-{name} canvas").first.scroll_into_view_if_needed()
        page.mouse.move(0, 0)
        page.locator(".bk-Tooltip").wait_for(state="detached")
        page.mouse.move(*page.evaluate(PLACE, [name, x, y]))
        labels = page.locator(".bk-Tooltip .bk-tooltip-row-label")
        labels.first.wait_for()
        names = [label.strip(": ") for label in labels.all_inner_texts()]
        values = page.locator(".bk-Tooltip .bk-tooltip-row-value").all_inner_texts()
        return dict(zip(names, map(str.strip, values), strict=True))

    return point


def test_a_cell_of_the_matrix(point, record):
    for row, column in [(0, 0), (2, 5), (7, 1)]:
        said = point("hessian", (column + 0.5) / 8, 1 - (row + 0.5) / 8)
        assert said["row"] == record.group[row]
        assert said["column"] == record.group[column]
        assert float(said["H̄"]) == pytest.approx(record.H[row, column], rel=2e-3)


def test_a_cell_that_stands_for_a_block_says_so(page, point):
    page.goto(page.url.partition("?")[0] + "?preset=moons&partition=element")
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_function("() => model_named('hessian-cells')?.data.image[0]?.shape?.[0] == 256")
    sizes = page.evaluate("() => Array.from(model_named('hessian-names').data.size)")
    two, one = sizes.index(2), sizes.index(1)
    for row, column in [(two, two), (two, one), (one, one)]:
        said = point("hessian", (column + 0.5) / 256, 1 - (row + 0.5) / 256)
        value, _, block = said["H̄"].partition(", ")
        assert float(value) == float(value)
        mean = f"the mean of a block of {sizes[row]} × {sizes[column]}"
        assert block == ("" if (row, column) == (one, one) else mean)


def test_a_learning_rate(page, point, record):
    drawn = page.evaluate(COLUMNS)
    assert (record.step_size == 0).any()  # a negative one, which counts as zero, is shown too
    for group, name in enumerate(record.group):
        said = point("rates", drawn["size"][group], drawn["y"][group])
        assert said["group"] == name
        assert float(said["η applied"]) == pytest.approx(record.step_size[group], rel=2e-3)
        assert float(said["η solved"]) == pytest.approx(record.step_size_solved[group], rel=2e-3)


def test_it_is_read_in_the_theme_of_the_page(tab, address):
    page = tab()
    for theme, (background, ink) in {
        "dark": ("rgb(25, 29, 38)", "rgb(233, 236, 243)"),
        "light": ("rgb(255, 255, 255)", "rgb(27, 33, 48)"),
    }.items():
        page.goto(f"{address}?theme={theme}&preset=digits-mlp")
        page.get_by_role("button", name="Step", exact=True).click()
        page.wait_for_function("() => model_named('hessian-cells')?.data.image[0]?.shape?.[0] == 8")
        page.mouse.move(*page.evaluate(PLACE, ["hessian", 0.5, 0.5]))
        tooltip = page.locator(".bk-Tooltip")
        tooltip.wait_for()
        look = tooltip.evaluate("(shown) => [getComputedStyle(shown).backgroundColor,"
                                " getComputedStyle(shown).color]")  # fmt: skip
        assert look == [background, ink]
