"""The whole way, from a mouse in a real browser to the run and back to what is drawn."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SHAPE = "() => model_named('hessian-cells').data.image[0]?.shape?.[0] ?? 0"
RAW = "() => Array.from(model_named('hessian-cells').data.raw[0])"
LOSSES = """() => {
  const {step, loss} = model_named('loss-train').data
  return Array.from(step, (at, i) => [at, loss[i]])
}"""
ANATOMY = """() => ["gauss-newton", "activations", "products"].map((kind) =>
  Array.from(model_named(`anatomy-${kind}-cells`)?.data.raw[0] ?? []))"""
SHARES = "() => Array.from(model_named('shares-lines').data.step)"
STEP = "() => window.gnlab_frames.at(-1).step"


class Lab:
    """An open page, and what a person does there."""

    def __init__(self, page, url):
        self.page = page
        self.page.goto(url)
        self.wait("() => (window.gnlab_frames ?? []).length > 0")
        self.wait("() => model_named('coarseness').end > 1")

    def wait(self, condition, argument=None):
        self.page.wait_for_function(condition, arg=argument)

    def read(self, expression):
        return self.page.evaluate(expression)

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def settle(self):
        """Wait until the run is paused and everything is drawn."""
        self.wait("() => model_named('frame').data.state[0] != 'playing'")
        self.page.wait_for_timeout(600)


def number(shown):
    """The number that the header shows: 0.0123, or 8.3·10⁻⁴ where it is so small."""
    mantissa, _, power = shown.partition("·10")
    exponent = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(f"{mantissa}e{exponent or 0}")


@pytest.fixture
def lab(tab, address):
    return Lab(tab(), address)


def test_from_play_to_rewind(lab, drag, keep):
    assert lab.read(SHAPE) == 0  # nothing was measured yet, and the page says so
    note = lab.read("() => model_named('hessian-note').data.text[0]")
    assert "Press Play" in note

    lab.press("▶ Play")
    lab.wait(f"() => ({SHAPE})() == 8")
    before = lab.read(RAW)
    lab.wait(f"(before) => ({RAW})().some((value, i) => value != before[i])", before)

    # The slider, while it trains: from one group per tensor to one for all and back.
    drag(lab.page, 0.0)
    lab.wait(f"() => ({SHAPE})() == 1")
    assert lab.read("() => model_named('frame').data.state[0]") == "playing"
    coarse = lab.read(STEP)
    lab.wait(f"(step) => ({STEP})() > step", coarse)
    drag(lab.page, "one group per tensor")
    lab.wait(f"() => ({SHAPE})() == 8")
    keep(lab.page, "playing")

    lab.press("Pause")
    lab.settle()
    paused = lab.read(STEP)
    lab.page.wait_for_timeout(700)
    assert lab.read(STEP) == paused

    lab.press("Step")
    lab.wait(f"(step) => ({STEP})() > step", paused)
    lab.settle()
    assert lab.read(STEP) == paused + 1

    losses = dict(lab.read(LOSSES))
    lab.page.keyboard.press("ArrowLeft")
    lab.wait(f"(step) => ({STEP})() < step", paused + 1)
    lab.settle()
    earlier = lab.read(STEP)
    assert dict(lab.read(LOSSES)) == {k: v for k, v in losses.items() if k <= earlier}
    shown = lab.read("() => model_named('strip-values').data.text[3]")
    assert number(shown) == pytest.approx(losses[earlier], rel=1e-3)
    keep(lab.page, "rewound")


def test_substeps_show_their_phase(lab):
    for phase in ("gradient", "summary", "solve"):
        lab.press("Sub-step")
        lab.wait("(phase) => model_named('strip-values').data.text[0] == 'after ' + phase", phase)
    assert lab.read(STEP) == 0
    lab.press("Sub-step")
    lab.wait(f"() => ({STEP})() == 1")


def test_a_figure_out_of_sight_waits_and_is_up_to_date_when_scrolled_to(lab):
    rows = "() => model_named('eigenvalue-lines').data.step.length"
    lab.press("▶ Play")
    lab.wait(f"() => ({STEP})() > 5")
    assert lab.read(rows) == 0
    lab.page.locator("[data-plot=eigenvalue]").scroll_into_view_if_needed()
    lab.wait(f"() => ({rows})() > 3")
    lab.page.mouse.move(900, 500)
    lab.page.mouse.wheel(0, -5000)
    lab.page.keyboard.press(" ")
    lab.settle()
    assert lab.read(rows) == lab.read(STEP)


def test_the_parts_of_the_curvature_follow_the_run_and_add_up(lab, drag, keep):
    def of_size(cells):
        lab.wait(f"(cells) => ({ANATOMY})().every((part) => part.length == cells)", cells)

    def add_up():
        whole, parts = np.array(lab.read(RAW)), np.array(lab.read(ANATOMY))
        assert parts.sum(axis=0) == pytest.approx(whole, rel=1e-4, abs=1e-5 * np.abs(parts).max())
        return parts

    of_size(0)
    lab.press("▶ Play")
    lab.wait(f"() => ({STEP})() > 3")
    lab.page.locator(".gn-anatomy").scroll_into_view_if_needed()
    of_size(64)
    before = lab.read(ANATOMY)
    changed = "part.some((value, i) => value != before[k][i])"
    lab.wait(f"(before) => ({ANATOMY})().every((part, k) => {changed})", before)
    drag(lab.page, 0.0)
    of_size(1)
    drag(lab.page, "one group per tensor")
    of_size(64)
    lab.press("Pause")
    lab.settle()
    keep(lab.page, "anatomy")
    assert (np.abs(add_up()).max(axis=1) > 0).all()
    # A step that the safeguard refuses has no length, and so no bend along it to share.
    for _ in range(50):
        before = lab.read(STEP)
        lab.press("Step")
        lab.wait(f"(step) => ({STEP})() > step", before)
        lab.settle()
        if lab.read(SHARES)[-1] == before + 1:
            break
    steps, last = lab.read(SHARES), add_up()
    assert steps[-1] == lab.read(STEP) == before + 1

    lab.page.keyboard.press("ArrowLeft")
    lab.wait(f"(step) => ({STEP})() < step", steps[-1])
    lab.settle()
    assert (add_up() != last).any()
    assert lab.read(SHARES) == [step for step in steps if step <= lab.read(STEP)]


def test_all_the_way_from_cauchy_to_newton_while_it_trains(tab, address, drag, keep):
    lab = Lab(tab(), f"{address}?preset=moons&play=true&period=1")
    lab.wait(f"() => ({STEP})() > 3")
    drag(lab.page, 0.0)
    lab.wait(f"() => ({SHAPE})() == 1")
    drag(lab.page, 1.0)
    # One group per element, 354 of them: more than are drawn, so each cell is a block's mean.
    lab.wait(f"() => ({SHAPE})() == 256")
    newton = lab.read(STEP)
    lab.wait(f"(step) => ({STEP})() > step", newton)
    lab.press("Pause")
    lab.settle()
    whole = lab.page.locator(".gn-hessian [data-plot]")
    whole.scroll_into_view_if_needed()
    box = whole.bounding_box()
    lab.page.mouse.dblclick(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    lab.wait(f"() => ({SHAPE})() == 88")
    keep(lab.page, "newton-zoomed")
    lab.page.mouse.dblclick(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    lab.wait(f"() => ({SHAPE})() == 22")  # nearer still at the very same place
    lab.page.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.97 * box["height"])
    lab.wait(f"() => ({SHAPE})() == 256")


def test_a_level_that_is_too_large_is_refused_with_the_reason(tab, address, drag):
    lab = Lab(tab(), f"{address}?preset=digits-deep")
    assert lab.page.locator(".rung.off").count() == 4
    drag(lab.page, 1.0)
    lab.page.get_by_text("more than the 5000 groups").wait_for()
    lab.page.get_by_text("Taken instead: S = 3250").wait_for()
    finest = lab.page.locator(".rung:not(.off)").count() - 1
    lab.wait("(finest) => model_named('coarseness').value == finest", finest)
    lab.page.wait_for_timeout(500)  # frames go on coming: none may move it
    assert lab.read("() => model_named('coarseness').value") == finest
    drag(lab.page, "one group per tensor")
    lab.press("Step")
    lab.wait(f"() => ({SHAPE})() == 42")


def test_what_if(lab, keep):
    tried = "() => Array.from(model_named('what-if-curves').data.S)"
    lab.press("Step")
    lab.wait(f"() => ({STEP})() == 1")
    assert lab.page.locator(".gn-what-if").bounding_box()["y"] > 800  # below the first screen
    lab.press("What if?")
    lab.wait(f"() => ({tried})().length == 9")
    assert lab.page.locator(".gn-what-if .title").bounding_box()["y"] < 800
    assert lab.read(tried)[:4] == [1, 2, 4, 8]
    measured = lab.read("() => Array.from(model_named('what-if-curves').data.measured)")
    assert np.isfinite(measured).all()
    assert lab.read(STEP) == 1  # asked about, and not made
    lab.settle()
    keep(lab.page, "what-if")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_what_matters_is_in_sight(tab, address, keep, theme, width, height):
    lab = Lab(tab(width, height), f"{address}?theme={theme}")
    for _ in range(3):
        before = lab.read(STEP)
        lab.press("Step")
        lab.wait(f"(step) => ({STEP})() > step", before)
    lab.settle()
    for selector in (".gn-hessian canvas", ".gn-inverse canvas", ".gn-hero .noUi-base"):
        box = lab.page.locator(selector).first.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    assert lab.read("() => document.documentElement.scrollWidth <= window.innerWidth")
    keep(lab.page, f"{theme}-{width}")


WORK = """() => {
  const done = window.work = {images: 0, labels: 0, glyphs: 0, looks: 0}
  const count = (object, method, kind) => {
    const kept = object[method]
    object[method] = function (...given) { done[kind(this)] += 1; return kept.apply(this, given) }
  }
  const prototypes = new Set()
  const figure = model_named("hessian")
  for (const one of [...Bokeh.index].find((view) => view.model == figure).renderer_views.values()) {
    if (one.glyph == null) continue
    const {name} = one.model.data_source
    if (name == "hessian-cells") count(one, "_paint", () => "images")
    if (name == "hessian-labels") count(one, "_paint", () => "labels")
    prototypes.add(Object.getPrototypeOf(one.glyph))
  }
  const kind = (view) => view.parent.glyph == view ? "glyphs" : "looks"
  for (const prototype of prototypes) count(prototype, "set_visuals", kind)
}"""


def test_a_frame_costs_no_more_than_what_has_changed(lab):
    lab.press("Step")
    lab.wait(f"() => ({SHAPE})() == 8")
    lab.settle()
    lab.read(WORK)
    lab.press("Step")
    lab.wait(f"() => ({STEP})() == 2")
    lab.settle()
    work = lab.read("() => window.work")
    assert work["images"] > 0
    assert work["glyphs"] > 0
    assert work["labels"] == 0  # the groups' names are the same, and on a canvas of their own
    assert work["looks"] == 0  # nothing is ever selected or muted


WRITTEN = """() => {
  const figure = model_named("rates")
  const {canvas_view} = [...Bokeh.index].find((view) => view.model == figure)
  const canvases = [canvas_view.primary, canvas_view.overlays].map((layer) => layer.ctx.canvas)
  const {prototype} = CanvasRenderingContext2D
  const kept = prototype.fillText
  window.written = []
  prototype.fillText = function (text, ...at) {
    if (canvases.includes(this.canvas)) window.written.push(text)
    return kept.call(this, text, ...at)
  }
}"""


def test_other_names_at_the_same_places_are_painted(lab):
    lab.press("Step")
    lab.wait(f"() => ({SHAPE})() == 8")
    lab.settle()
    lab.page.locator(".gn-rates").scroll_into_view_if_needed()
    lab.settle()
    lab.read(WRITTEN)
    lab.read("() => { model_named('order').value = 'blocks' }")
    lab.wait("() => model_named('rates-ticks').data.label[1].endsWith('W')")
    lab.wait("() => model_named('rates-ticks').data.label.every((one) => written.includes(one))")
