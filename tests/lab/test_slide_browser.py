"""The slide from end to end: every control, every scene, in a real browser."""

import numpy as np
import pytest

from tests.lab.slides import BEFORE, BEYOND, MAP, PATH, Slide

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PAINTED = """(layers) => layers.some((layer) => layer.getContext("2d")
  .getImageData(0, 0, layer.width, layer.height).data.some((value) => value != 0))"""
FIGURE = {
    "Quadratic": "quadratic-cauchy",
    "Rosenbrock": "rosenbrock-cauchy",
    "Network": "network-map-0",
}
"""A figure of each scene, by the button that opens it."""


@pytest.fixture
def slide(tab, address):
    def slide(query="", width=1280, height=800):
        return Slide(tab(width, height), f"{address}slide{query}")

    return slide


def test_every_control_of_the_quadratic_and_a_reload(slide, keep):
    page = slide()
    begun = page.read(PATH, "quadratic-cauchy")
    assert len(begun[0]) == 31
    page.drag("Rotation", BEYOND)
    page.shows(rotation=90)
    assert page.read(PATH, "quadratic-cauchy") != begun
    page.drag("Steps", BEFORE)
    page.shows(steps=1)
    assert len(page.read(PATH, "quadratic-cauchy")[0]) == 2
    page.drag("Steps", 0.5)
    page.drag("Coupling", BEFORE)
    page.shows(coupling=0)
    page.drag("Rotation", 0.4)
    page.drag("Condition number", 0.5)
    assert 50 < float(page.link()["condition"]) < 200
    page.drag("Dimension", 0.6)
    page.shows(size=16)
    assert page.page.locator(".gn-quadratic-cauchy").is_hidden()
    page.drag("Coupling", 0.5)
    page.shows(coupling=2, size=16)
    page.choose("Start", "random")
    page.seed(5)
    page.choose("Theme", "dark")
    page.shows(start="random", seed=5, theme="dark")
    keep(page.page, "slide-many")
    found, link = page.levels(), page.link()
    assert found["groups"] == [1, 2, 4, 8, 16]
    assert 30 < int(link["rotation"]) < 42

    page.page.reload()
    page.shows(**link)
    assert page.link() == link
    assert page.levels() == found
    assert page.page.get_by_label("Theme").input_value() == "dark"


def test_the_valley_and_its_cubic_term(slide, keep):
    page = slide()
    page.scene("Rosenbrock")
    page.shows(scene="rosenbrock")
    newton = page.read(PATH, "rosenbrock-newton")
    assert np.hypot(newton[0][-1] - 1, newton[1][-1] - 1) < 1e-6
    page.drag("Steps", 0.2)
    page.drag("Start, x", 0.25)
    page.drag("Start, y", 0.75)
    page.drag("λ_int", BEFORE)
    page.shows(damping=0)
    page.page.get_by_text("Move λ_int away from 0").wait_for()
    assert len(page.read(PATH, "rosenbrock-newton")[0]) == 1
    page.drag("λ_int", 0.5)
    page.page.get_by_text("Move λ_int away from 0").wait_for(state="detached")
    assert len(page.read(PATH, "rosenbrock-newton")[0]) > 5
    begun = page.read(PATH, "rosenbrock-cauchy")[0][:1]
    picture = page.page.locator(".gn-rosenbrock-cauchy canvas").first
    box = picture.bounding_box()
    page.page.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    page.page.wait_for_function(
        "([x]) => model_named('rosenbrock-cauchy-start').data.x[0] != x", arg=begun
    )
    path = page.read(PATH, "rosenbrock-cauchy")
    assert [path[0][0], path[1][0]] == [float(page.link()[name]) for name in ("start_x", "start_y")]
    keep(page.page, "slide-rosenbrock")


def test_networks_side_by_side(slide, keep):
    page = slide("?scene=network&network_steps=4&finest=tensor")
    page.page.get_by_text("Step 4 of 4").wait_for()
    page.shows()
    maps = [page.read(MAP, i) for i in range(3)]
    assert len(maps[0]) == 80 * 80
    assert maps[0] != maps[2]
    page.choose("Points", "spirals")
    page.drag("λ_int", 0.75)
    page.seed(2)
    page.shows(data="spirals", seed=2)
    page.page.get_by_text("Step 4 of 4").wait_for()
    assert page.read(MAP, 0) != maps[0]
    page.drag("Steps", BEFORE)
    page.page.get_by_text("Step 0 of 0").wait_for()
    page.shows(network_steps=0)
    assert page.read(MAP, 0) == page.read(MAP, 2)
    page.choose("Finest groups", "unit")
    page.shows(finest="unit")
    assert page.page.locator(".gn-network-map-3").is_visible()
    assert page.page.locator(".gn-network-map-4").is_hidden()


@pytest.mark.parametrize(("data", "elements"), [("moons", 354), ("spirals", 1322)])
def test_networks_from_cauchy_to_newton(slide, keep, data, elements):
    page = slide(f"?scene=network&data={data}&finest=element&network_steps=1")
    page.page.get_by_text("Step 1 of 1").wait_for()
    page.shows(data=data, finest="element")
    titles = [page.page.locator(f".gn-network-map-{i} h2").inner_text() for i in (0, 4)]
    assert titles == ["S = 1, Cauchy", f"S = {elements}, Newton"]
    maps = [page.read(MAP, i) for i in range(5)]
    assert len({tuple(shown) for shown in maps}) == 5
    keep(page.page, f"slide-network-newton-{data}")


def test_a_card_is_no_higher_for_what_ended_its_runs(slide, keep):
    ask = "?scene=network&data=spirals&finest=unit&network_steps=2&network_damping="
    heights = []
    for damping in ("31.6", "0"):
        page = slide(ask + damping, height=900)
        page.page.get_by_text("Step 2 of 2").wait_for()
        page.shows(network_damping=damping)
        heights.append(page.page.locator(".gn-network-curves").bounding_box()["height"])
    keep(page.page, "slide-network-undamped")
    assert heights[1] == heights[0]


def test_every_scene_opens_by_a_click_from_every_other(slide, keep, until):
    page = slide("?network_steps=2&finest=tensor")
    for name in ["Network", "Rosenbrock", "Quadratic", "Rosenbrock", "Network", "Quadratic"]:
        page.scene(name)
        page.shows(scene=name.lower())
        layers = page.page.locator(f".gn-{FIGURE[name]} canvas")
        layers.first.wait_for()
        shown = [
            one for one, plot in FIGURE.items() if page.page.locator(f".gn-{plot}").is_visible()
        ]
        assert shown == [name]
        until(lambda layers=layers: layers.evaluate_all(PAINTED))
        keep(page.page, f"slide-clicked-{name.lower()}")


def test_the_page_answers_while_networks_train(slide):
    page = slide("?scene=network&network_steps=200")
    page.page.get_by_text("Training.").wait_for()
    page.scene("Quadratic")
    page.shows(scene="quadratic")
    page.drag("Rotation", BEYOND)
    page.shows(scene="quadratic", rotation=90)
    assert page.page.locator(".gn-network-map-0").is_hidden()


def test_a_link_out_of_bounds_gives_one_clear_line(slide):
    page = slide("?condition=1e9&steps=7")
    said = page.page.locator(".message").inner_text()
    assert said == "condition must be a number from 1 to 10000; got '1e9'. It was left out."
    page.shows(condition=10, steps=7)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
@pytest.mark.parametrize("scene", ["quadratic", "rosenbrock", "network"])
def test_what_matters_is_in_sight(slide, keep, scene, theme, width, height):
    page = slide(f"?scene={scene}&theme={theme}&network_steps=2", width, height)
    page.shows(scene=scene, theme=theme)
    for canvas in page.page.locator("canvas:visible").all()[:2]:
        box = canvas.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    assert page.read("() => document.documentElement.scrollWidth <= window.innerWidth")
    keep(page.page, f"slide-{scene}-{theme}-{width}")
