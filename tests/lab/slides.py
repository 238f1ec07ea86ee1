"""An open slide in a browser: what its figures' data are, and what a person does there."""

from urllib.parse import parse_qs, urlsplit

LEVELS = "() => model_named('quadratic-factors-levels').data"
PATH = """(name) => {
  const {x, y} = model_named(`${name}-path`).data
  return [Array.from(x), Array.from(y)]
}"""
MAP = "(i) => Array.from(model_named(`network-map-${i}-map`).data.image[0])"
SHOWN = """(wanted) => {
  const frame = model_named('slide-frame')?.data, ack = model_named('slide-ack')?.data
  if (frame == null || frame.number[0] == 0 || ack.number[0] != frame.number[0]) return false
  const link = new URLSearchParams(frame.link[0])
  // What is drawn is what the controls say now, and not what they said a moment ago.
  const stands = (name, value, text) => {
    if (name == "size") return [2, 4, 8, 16, 32, 64][value] == text
    if (name == "coupling") {  // 6 couples all, however many they are
      const most = model_named(name).end
      return text == 6 ? value == most : value < most && value == text
    }
    if (!["condition", "damping", "network_damping"].includes(name)) {
      return typeof value == "number" ? Math.abs(value - text) < 1e-6 : value == text
    }
    return value < -6.05 ? text == "0" : Math.abs(Math.log10(text) - value) < 0.03
  }
  for (const [name, text] of link) {
    if (name != "scene" && !stands(name, model_named(name).value, text)) return false
  }
  return Object.entries(wanted).every(([name, value]) => link.get(name) == value)
}"""
ADDRESSED = "() => model_named('slide-frame').data.link[0] == location.search"
CLOUD = """() => {
  const {groups, largest} = model_named('quadratic-factors-cloud').data
  return [Array.from(groups), Array.from(largest)]
}"""
BEFORE, BEYOND = -0.1, 1.1
"""Where a slider is dragged to for its first and its last place, in lengths of its rail."""


class Slide:
    """An open slide, and what a person does there."""

    def __init__(self, page, url):
        self.page = page
        self.page.goto(url)
        self.shows()

    def shows(self, **wanted):
        """Wait until what is drawn shows these choices."""
        self.page.wait_for_function(SHOWN, arg={name: str(value) for name, value in wanted.items()})

    def read(self, expression, argument=None):
        return self.page.evaluate(expression, argument)

    def link(self):
        """The choices in the address, once they are those that are shown."""
        self.shows()
        self.page.wait_for_function(ADDRESSED)
        found = parse_qs(urlsplit(self.page.url).query)
        return {name: values[0] for name, values in found.items()}

    def levels(self):
        return {name: list(column) for name, column in self.read(LEVELS).items()}

    def drag(self, title, share):
        """Take a slider's handle and move it, in many small moves, to a share of its rail."""
        slider = self.page.locator(".bk-Slider:visible").filter(has_text=title)
        handle, rail = slider.locator(".noUi-handle"), slider.locator(".noUi-base")
        begin, rail = handle.bounding_box(), rail.bounding_box()
        x, y = begin["x"] + begin["width"] / 2, begin["y"] + begin["height"] / 2
        end = rail["x"] + share * rail["width"]
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for i in range(1, 13):
            self.page.mouse.move(x + (end - x) * i / 12, y)
        self.page.mouse.up()
        self.shows()

    def choose(self, label, value):
        self.page.get_by_label(label, exact=True).select_option(value)

    def seed(self, value):
        field = self.page.get_by_label("Seed of the start")
        field.fill(str(value))
        field.press("Enter")

    def scene(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()
