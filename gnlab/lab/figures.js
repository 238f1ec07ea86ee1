// Runs in the browser: draws the figures of the page in their places, and returns what changes
// them; null while the page itself is not drawn. The figures are a document of their own, which
// no server listens to.
// Arguments: sheet (JSON, see board.py), parts (the page's parts that have places for figures).
const built = JSON.parse(sheet)
const part_views = parts.map((part) => cb_context.index.find_one(part))
if (part_views.some((view) => view == null)) return null
const places = new Map()
for (const view of part_views) {
  for (const place of view.shadow_el.querySelectorAll("[data-plot]")) {
    place.replaceChildren()
    places.set(place.dataset.plot, place)
  }
}
const document_of = cb_obj.document.constructor
const figures = document_of.from_json(built.document)
const model = (id) => figures.get_model_by_id(id)
const names = Object.keys(built.plots)

// A figure's borders have room for any tick label. Bokeh would lay the figure out again whenever
// a label is longer or shorter than before.
const steady = (view) => {
  const lay_out = view._invalidate_layout_if_needed
  if (lay_out == null) return
  view._invalidate_layout_if_needed = () => { if (view._needs_layout) lay_out.call(view) }
}
// At every paint Bokeh writes the style sheets of every part of a figure anew, and the browser
// brings all styles up to date at the next question about them. Most of it is the same text
// again, and the place of a glyph's element, which draws nothing itself, matters to nobody.
const thrifty = (view) => {
  for (const style of [view.position, view._css_vars]) {
    if (style?.replace == null || Object.hasOwn(style, "replace")) continue
    const replace = style.replace
    const needless = view.glyph != null && style == view.position
    if (needless) replace.call(style, ":host { display: none; }")
    let written = null
    style.replace = (...text) => {
      if (!needless && text.join() != written) replace.apply(style, text)
      written = text.join()
    }
  }
  for (const child of view.children?.() ?? []) thrifty(child)
}

// Painting is what costs: a figure out of sight waits with its newest data until it is scrolled
// into sight, or until the run pauses.
const waiting = new Map(), hidden = new Set()
const apply = (name) => {
  const {span, data} = waiting.get(name)
  waiting.delete(name)
  if (span != null) {
    const [x0, x1, y0, y1, z0, z1] = span
    const plot = model(built.plots[name])
    if (x0 != null) plot.x_range.setv({start: x0, end: x1})
    if (y0 != null) plot.y_range.setv({start: y0, end: y1})
    if (z0 != null) model(built.mappers[name]).setv({low: z0, high: z1})
  }
  for (const [key, columns] of data) {
    model(built.sources[key]).setv({data: columns}, {check_eq: false})
    if (key in built.tickers) model(built.tickers[key]).setv({ticks: Array.from(columns.at)})
  }
}
const watcher = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) {
    const name = target.dataset.plot
    if (isIntersecting) hidden.delete(name)
    else hidden.add(name)
    if (isIntersecting && waiting.has(name)) apply(name)
  }
}, {rootMargin: "50px"})
const wait = (name) => {
  if (!waiting.has(name)) waiting.set(name, {span: null, data: new Map()})
  return waiting.get(name)
}

let theme = "light"
const made = {
  // Whether the places that the figures were drawn in are still on the page.
  get alive() { return [...places.values()].every((place) => place.isConnected) },
  paint(colours) {
    if (colours.name == theme) return
    theme = colours.name
    for (const [id, property, colour] of built.colours) model(id)[property] = colours[colour]
  },
  update(spans, data) {
    for (const [name, ...span] of spans) wait(name).span = span
    for (const [key, columns] of data) wait(key.slice(0, key.indexOf("|"))).data.set(key, columns)
  },
  show(everything) {
    for (const name of [...waiting.keys()]) if (everything || !hidden.has(name)) apply(name)
  },
}
const roots = names.map((name) => places.get(name))
const elsewhere = document.createElement("div")  // for what is no figure, and is never seen
return Bokeh.embed.add_document_standalone(figures, elsewhere, roots).then((views) => {
  for (const name of names) {
    const view = views.get(model(built.plots[name]))
    steady(view)
    thrifty(view)
    watcher.observe(places.get(name))
  }
  return made
})
