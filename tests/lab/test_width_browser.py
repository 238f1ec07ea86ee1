"""Small windows: nothing is cut off at the right, and no page scrolls sideways."""

from itertools import pairwise

import pytest

from gnlab.lab import cuts, frames, palettes, scales
from gnlab.lab.figures import heatmap, strip, what_if, what_if_history

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SIDEWAYS = "() => document.documentElement.scrollWidth - window.innerWidth"
HEADER = "(line) => line.scrollWidth - line.clientWidth"
DRAWN = """(names) => names.every((name) => {
  return Bokeh.documents.some((one) => one.get_model_by_name(name)?.inner_width > 0)
})"""
# What was changed is painted in the next animation frame, and laid out anew in the one after it.
PAINTED = """async () => {
  for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame)
  await new Promise((done) => setTimeout(done, 0))
}"""
# The share of the grid, each card's gap to the next included, that no card takes.
EMPTY = """(grid) => {
  const area = (element) => {
    const box = element.getBoundingClientRect()
    return (box.width + 12) * (box.height + 12)
  }
  const filled = [...grid.children].reduce((sum, card) => sum + area(card), 0)
  return 1 - filled / area(grid)
}"""

# Long texts of each of the header's places, and how far each reaches: in pixels, the room too.
LONG = (
    ("after summary", 999_999, 999.99, 0.0049381),
    ("playing", 1_234_567, 1000.0, 1.2e-300),
    ("stopped", 223_456_789, 99_999.0, -0.0049381),
    ("paused", 2_147_483_647, 123_456.0, 123_456.0),
)
OTHERS = ("999", "99", "9999 ms", "cuda:0", "vbigmlp-cifar10")
SLOTS = """(texts) => {
  const source = model_named("strip-values")
  const strip = source.document.get_model_by_name("strip")
  const {glyph} = strip.renderers.find((renderer) => renderer.data_source == source)
  const paint = document.createElement("canvas").getContext("2d")
  paint.font = `bold ${glyph.text_font_size.value} ${glyph.text_font.value}`
  const pixels = strip.inner_width / (strip.x_range.end - strip.x_range.start)
  const places = [...source.data.x, strip.x_range.end]
  return texts.map((text, i) => {
    return [paint.measureText(text).width, (places[i + 1] - places[i]) * pixels]
  })
}"""

# How wide texts would be where a figure has its text of that source, and the room, in pixels.
WIDTHS = """([name, source, texts]) => {
  const made = model_named(name)
  const data = made.document.get_model_by_name(source)
  const {glyph} = made.renderers.find((renderer) => renderer.data_source == data)
  const paint = document.createElement("canvas").getContext("2d")
  paint.font = `${glyph.text_font_size.value} ${glyph.text_font.value}`
  return [texts.map((text) => paint.measureText(text).width), made.inner_width]
}"""
HINTS = {
    "what-if": what_if.NOTHING,
    **{
        f"what-if-{name}": f"{nothing}\n{what_if_history.TRYING}"
        for name, nothing in what_if_history.NOTHING.items()
    },
}
# Where each label of a figure's horizontal axis begins and ends, in pixels, for ticks at decades.
DECADES = ([1e-11, 1e-9, 1e-7, 1e-5, 1e-3], ["10⁻¹¹", "10⁻⁹", "10⁻⁷", "10⁻⁵", "10⁻³"])
LABELS = """([at, label]) => {
  const made = model_named("regulariser")
  made.document.get_model_by_name("regulariser-decades").data = {at, label}
  made.x_range.setv({start: at[0], end: at.at(-1)})
  const [axis] = made.below
  const paint = document.createElement("canvas").getContext("2d")
  paint.font = `${axis.major_label_text_font_size} ${axis.major_label_text_font}`
  const told = axis.formatter.doFormat(at, {loc: 0})
  return at.map((_, i) => {
    const place = i / (at.length - 1) * made.inner_width
    const half = paint.measureText(told[i]).width / 2
    return [place - half, place + half]
  }).filter((_, i) => told[i] != "")
}"""

WIDE = """([name, ticks]) => {
  const [axis] = model_named(name).left
  model_named(ticks).data = {at: [-0.5, 0, 0.5], label: ["−1000", "0", "1000"]}
  axis.ticker.ticks = [-0.5, 0, 0.5]
}"""
NAMED = "([name, labels]) => { model_named(`${name}-labels`).data = labels }"
LETTERS = """(name) => {
  const named = (one) => one.data_source == model_named(`${name}-labels`)
  return parseFloat(model_named(name).renderers.find(named).glyph.text_font_size.value)
}"""
# How much each canvas has painted at its foot, and at its left edge.
FOOT = """(all) => all.map((canvas) => {
  const {data} = canvas.getContext("2d").getImageData(0, canvas.height - 2, canvas.width, 2)
  return data.filter((_, i) => i % 4 == 3).reduce((sum, alpha) => sum + alpha, 0)
})"""
EDGE = """(all) => all.map((canvas) => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, 2, canvas.height)
  return data.filter((_, i) => i % 4 == 3).reduce((sum, alpha) => sum + alpha, 0)
})"""


@pytest.mark.parametrize(("width", "height"), [(480, 900), (800, 700), (1100, 700)])
def test_the_lab_does_not_scroll_sideways(tab, address, keep, width, height):
    page = tab(width, height)
    page.goto(address)
    page.wait_for_function("() => model_named('coarseness')?.end > 1")
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_function("() => window.gnlab_frames.at(-1).step == 1")
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    page.wait_for_function(DRAWN, arg=list(frames.build()))
    keep(page, f"lab-{width}")
    assert page.evaluate(SIDEWAYS) <= 0
    if width >= 1100:
        assert page.locator(".line").evaluate(HEADER) <= 0
    canvas = page.locator(".gn-hessian canvas").first.bounding_box()
    assert canvas["x"] + canvas["width"] <= width
    assert canvas["width"] > 190


@pytest.mark.parametrize("width", [360, 480, 759])
def test_in_a_narrow_window_the_loss_comes_before_the_choices(tab, address, width):
    page = tab(width, 900)
    page.goto(f"{address}?preset=moons")
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    page.wait_for_function(DRAWN, arg=list(frames.build()))
    parts = (
        page.get_by_role("button", name="▶ Play"), page.locator("[data-plot=strip]"),
        page.locator("[data-plot=loss]"), page.locator("[data-plot=hessian]"),
        page.locator("[data-plot=what-if]"), page.get_by_label("Preset"),
    )  # fmt: skip
    places = [part.bounding_box()["y"] for part in parts]
    assert places == sorted(places)
    assert places[2] < 700
    for part in (parts[0], parts[-1]):
        assert part.bounding_box()["x"] >= 8


@pytest.mark.parametrize("width", [480, 1100, 1280, 1920, 2300, 2560, 3440, 3840])
def test_the_cards_leave_no_place_of_the_grid_empty(tab, address, width):
    page = tab(width, 900)
    page.goto(address)
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    page.wait_for_function(DRAWN, arg=list(frames.build()))
    page.evaluate(PAINTED)
    assert page.locator(".grid").evaluate(EMPTY) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("width", [480, 1100, 1280])
def test_no_number_of_the_header_runs_into_the_next(tab, address, snapshot, record, width):
    page = tab(width, 700)
    page.goto(address)
    page.wait_for_function("() => model_named('strip-values')?.data.x?.length > 0")
    page.wait_for_function("() => model_named('strip').inner_width > 0")
    for state, step, epoch, loss in LONG:
        made = snapshot(state=state, step=step, epoch=epoch, record=record(loss=loss))
        values = strip.update(made, strip.Meter(), palettes.LIGHT).data["values"]
        texts = [*values["text"][:4], *OTHERS]
        for text, (end, room) in zip(texts, page.evaluate(SLOTS, texts), strict=True):
            assert end <= room, text


@pytest.mark.parametrize("width", [480, 1100, 1400])
def test_a_hint_fits_its_figure(tab, address, width):
    page = tab(width, 900)
    page.goto(f"{address}?preset=moons")
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    page.wait_for_function(DRAWN, arg=list(HINTS))
    for name, hint in HINTS.items():
        lines, room = page.evaluate(WIDTHS, [name, f"{name}-note", hint.split("\n")])
        assert max(lines) <= room, name


@pytest.mark.parametrize("width", [480, 1110, 1620])
def test_no_label_of_a_matrix_colour_bar_lies_on_the_next(tab, address, H, groups, roles, width):
    page = tab(width, 900)
    page.goto(f"{address}?preset=moons")
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    page.wait_for_function(DRAWN, arg=list(frames.build()))
    cut = cuts.cut(groups, roles, "tensor", cuts.WHOLE)
    for limits in (scales.Limits(1500.0, 0.3), scales.Limits(2e-9, 4e-13)):
        bar = heatmap.update(H, cut, limits, "tensor", palettes.LIGHT).data["bar"]
        for name in ("hessian", "inverse", "anatomy-gauss-newton"):
            wide, room = page.evaluate(WIDTHS, [name, f"{name}-bar", bar["text"]])
            pixels = room / (heatmap.FRAME[1] - heatmap.FRAME[0])
            ends = [(x * pixels, text / 2) for x, text in zip(bar["x"], wide, strict=True)]
            for (left, half), (right, other) in pairwise(ends):
                assert left + half < right - other, (name, room)


@pytest.mark.parametrize(("width", "least"), [(480, 1), (1100, 2), (1920, 3)])
def test_no_label_of_a_tick_lies_on_the_next(tab, address, width, least):
    page = tab(width, 900)
    page.goto(address)
    page.wait_for_function("() => model_named('regulariser')?.inner_width > 0")
    ends = page.evaluate(LABELS, list(DECADES))
    assert len(ends) >= least
    assert all(end < start for (_, end), (start, _) in pairwise(ends))


@pytest.mark.parametrize("plot", ["eigenvalue-ticks", "agreement-ticks"])
def test_wide_labels_push_no_axis_name_over_the_edge(tab, address, plot):
    page = tab(1100, 900)
    page.goto(f"{address}?play=false")
    name = plot.removesuffix("-ticks")
    page.wait_for_function("(name) => model_named(name)?.inner_width > 0", arg=name)
    page.locator(f"[data-plot={name}]").scroll_into_view_if_needed()
    page.evaluate(WIDE, [name, plot])
    page.evaluate(PAINTED)
    painted = page.locator(f"[data-plot={name}] canvas").evaluate_all(EDGE)
    assert sum(painted) == 0


@pytest.mark.parametrize(("width", "size"), [(320, 6), (480, 9), (1280, 10.5)])
def test_no_name_beside_a_matrix_is_cut_off(tab, address, keep, H, roles, width, size):
    page = tab(width, 900)
    page.goto(f"{address}?preset=moons&play=false")
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    names = tuple(f"layer1{i}.weight[0:64]" for i in range(4))
    limits = scales.Limits(1.0, 1.0)
    cut = cuts.cut(names, roles, "tensor", cuts.WHOLE)
    made = heatmap.update(H, cut, limits, "tensor", palettes.LIGHT).data["labels"]
    told = {name: list(column) for name, column in made.items() if name not in ("x", "y", "angle")}
    told |= {name: [float(value) for value in made[name]] for name in ("x", "y", "angle")}
    assert told["text"][0] == "l10 W[0:64]"  # as many letters as there are at most
    for name in ("hessian", "anatomy-products"):
        page.wait_for_function("(name) => model_named(name)?.inner_width > 0", arg=name)
        page.locator(f"[data-plot={name}]").scroll_into_view_if_needed()
        page.evaluate(NAMED, [name, told])
        page.evaluate(PAINTED)
        keep(page, f"names-{name}-{width}")
        canvases = page.locator(f"[data-plot={name}] canvas")
        assert sum(canvases.evaluate_all(EDGE)) == 0
        assert sum(canvases.evaluate_all(FOOT)) == 0
    assert page.evaluate(LETTERS, "hessian") >= size


@pytest.mark.parametrize("scene", ["quadratic", "rosenbrock", "network"])
@pytest.mark.parametrize("width", [480, 800, 960, 1100])
def test_the_slide_does_not_scroll_sideways(tab, address, keep, scene, width):
    page = tab(width, 700)
    page.goto(f"{address}slide?scene={scene}&network_steps=1")
    page.wait_for_function("() => model_named('slide-ack')?.data.number[0] > 0")
    page.evaluate(PAINTED)
    keep(page, f"slide-{scene}-{width}")
    assert page.evaluate(SIDEWAYS) <= 0
