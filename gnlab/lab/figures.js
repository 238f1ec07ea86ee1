// Runs in the browser: draws the figures of the page in their places, those in sight first, and
// returns what changes them; null while the page itself is not drawn. A figure is a document of
// its own, which no server listens to.
// Arguments: sheet (JSON, see board.py), parts (the page's parts that have places for figures),
// zoom (a source that tells the page which place of a matrix was double-clicked).
const part_views = parts.map((part) => cb_context.index.find_one(part))
if (part_views.some((view) => view == null)) return null
const places = new Map()
for (const view of part_views) {
  for (const place of view.shadow_el.querySelectorAll("[data-plot]")) {
    place.replaceChildren()
    places.set(place.dataset.plot, place)
  }
}
const built = new Map(Object.entries(JSON.parse(sheet)))
const new_document = cb_obj.document.constructor

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
  // Bokeh keeps every glyph ready in four more looks: selected, not selected, muted, and thinned out
  // while it is dragged. Nothing here can be any of these, and each look costs as much as the glyph.
  for (const look of ["selection_glyph", "nonselection_glyph", "muted_glyph", "decimated_glyph"]) {
    if (view[look] != null) Object.assign(view[look], idle)
  }
  for (const child of view.children?.() ?? []) thrifty(child)
}
const idle = {
  async set_data() {}, set_visuals() {}, after_visuals() {}, async after_lazy_visuals() {}, map_data() {},
}

// Painting is what costs: a figure that is out of sight waits with its newest data until it is
// scrolled into sight, or until the run pauses; one that is not drawn yet until it is.
const waiting = new Map(), drawn = new Map(), hovers = new Map(), hidden = new Set()
let theme = null
const recolour = (name) => {
  for (const [id, property, colour] of built.get(name).colours) {
    drawn.get(name).get_model_by_id(id)[property] = theme[colour]
  }
  // What a person reads who points at a figure is no part of it for Bokeh, and white by itself.
  const look = {"color": theme.ink, "background-color": theme.card, "border-color": theme.line}
  for (const tool of hovers.get(name)) {
    for (const tooltip of tool.ttmodels.values()) tooltip.styles = look
  }
}
const apply = (name) => {
  const {span, data} = waiting.get(name)
  const {figure, sources, tickers, mapper} = built.get(name)
  const model = (id) => drawn.get(name).get_model_by_id(id)
  waiting.delete(name)
  if (span != null) {
    const [x0, x1, y0, y1, z0, z1] = span
    if (x0 != null) model(figure).x_range.setv({start: x0, end: x1})
    if (y0 != null) model(figure).y_range.setv({start: y0, end: y1})
    if (z0 != null) model(mapper).setv({low: z0, high: z1})
  }
  for (const [source, columns] of data) {
    model(sources[source]).setv({data: columns}, {check_eq: false})
    if (source in tickers) model(tickers[source]).setv({ticks: Array.from(columns.at)})
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
const draw = async (name) => {
  const one = new_document.from_json(built.get(name).document)
  const elsewhere = document.createElement("div")  // for what is no figure, and is never seen
  const views = await Bokeh.embed.add_document_standalone(one, elsewhere, [places.get(name)])
  const view = views.get(one.get_model_by_id(built.get(name).figure))
  steady(view)
  thrifty(view)
  // A figure takes no keys: whoever goes through the page by Tab need not stop there, and a click
  // leaves no frame around it.
  view.canvas_view?.events_el?.removeAttribute("tabindex")
  drawn.set(name, one)
  hovers.set(name, [...view.tool_views.values()].filter((tool) => tool.ttmodels != null))
  if (theme != null) recolour(name)
  if (waiting.has(name)) apply(name)
  watcher.observe(places.get(name))
  if (built.get(name).zooms) {
    // The server cuts the matrix: only what is shown is sent, and near at hand every cell is one.
    places.get(name).addEventListener("dblclick", (event) => {
      const {left, top, width, height} = places.get(name).getBoundingClientRect()
      const {x_range, y_range} = one.get_model_by_id(built.get(name).figure)
      const x = x_range.start + (event.clientX - left) / width * (x_range.end - x_range.start)
      const y = y_range.end - (event.clientY - top) / height * (y_range.end - y_range.start)
      // Counted, or a second click at the same place would be no change.
      zoom.data = {x: [x], y: [y], count: [1 + (zoom.data.count[0] ?? 0)]}
    })
  }
}
const made = {
  // Whether the places that the figures were drawn in are still on the page.
  get alive() { return [...places.values()].every((place) => place.isConnected) },
  paint(colours) {
    theme = colours
    for (const name of drawn.keys()) recolour(name)
  },
  update(spans, data) {
    for (const [name, ...span] of spans) wait(name).span = span
    for (const [key, columns] of data) {
      const [name, source] = key.split("|")
      wait(name).data.set(source, columns)
    }
  },
  show(everything) {
    // The others are drawn after the first frame, which should not wait for them.
    if (later.length > 0) setTimeout(() => draw_all(later.splice(0), () => true), 100)
    for (const name of [...waiting.keys()]) {
      if (drawn.has(name) && (everything || !hidden.has(name))) apply(name)
    }
  },
}
// A figure has no height before it is drawn, so where the next one comes to lie shows then.
const later = []
const draw_all = async (names, ready) => {
  for (const name of names) {
    if (ready(name)) await draw(name)
    else later.push(name)
  }
}
const in_sight = (name) => places.get(name).getBoundingClientRect().top < window.innerHeight
return draw_all(built.keys(), in_sight).then(() => made)
