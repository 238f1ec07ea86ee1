// Runs in the browser when a frame arrives: hands its columns on to the figures' sources, and
// acknowledges the frame once it has been drawn. Nothing set here is sent back to the server.
// Arguments: frame, ack; keys with sources, names with plots, ticker_keys with tickers,
// mapper_names with mappers.
const quiet = {sync: false, check_eq: false}
const at = (list, name) => list.indexOf(name)
const now = () => performance.timeOrigin + performance.now()
if (frame.data.version.length == 0) return
const received_at = now()

// Painting is what costs: a figure out of sight waits with its newest data until it is scrolled
// into sight, or until the run pauses.
const setup = () => {
  // A figure's borders have room for any tick label. Bokeh would lay out the whole page again
  // whenever a label is longer or shorter than before.
  const steady = (view) => {
    const lay_out = view._invalidate_layout_if_needed
    if (lay_out == null) return
    view._invalidate_layout_if_needed = () => { if (view._needs_layout) lay_out.call(view) }
  }
  // At every paint Bokeh writes the style sheets of every part of a figure anew, and the browser
  // brings all styles up to date at the next question about them. Most of it is the same text
  // again, and the place of a glyph's element, which draws nothing itself, matters to nobody.
  const thrifty = (view) => {
    for (const sheet of [view.position, view._css_vars]) {
      if (sheet?.replace == null || Object.hasOwn(sheet, "replace")) continue
      const replace = sheet.replace
      const needless = view.glyph != null && sheet == view.position
      if (needless) replace.call(sheet, ":host { display: none; }")
      let written = null
      sheet.replace = (...text) => {
        if (!needless && text.join() != written) replace.apply(sheet, text)
        written = text.join()
      }
    }
    for (const child of view.children?.() ?? []) thrifty(child)
  }
  const waiting = new Map(), hidden = new Set(), watched = new Map()
  const watcher = new IntersectionObserver((entries) => {
    for (const {target, isIntersecting} of entries) {
      const name = target.gnlab_name
      if (watched.get(name) != target) continue
      if (isIntersecting) hidden.delete(name)
      else hidden.add(name)
      if (isIntersecting && waiting.has(name)) apply(name)
    }
  }, {rootMargin: "50px"})
  const in_sight = (name) => {
    if (!watched.get(name)?.isConnected) {
      const view = Bokeh.index.find_one(plots[at(names, name)])
      hidden.delete(name)
      if (view == null) return true
      steady(view)
      thrifty(view)
      const element = view.el
      element.gnlab_name = name
      watched.set(name, element)
      watcher.observe(element)
    }
    return !hidden.has(name)
  }
  const apply = (name) => {
    const {span, data} = waiting.get(name)
    waiting.delete(name)
    if (span != null) {
      const [x0, x1, y0, y1, z0, z1] = span
      const plot = plots[at(names, name)]
      if (x0 != null) plot.x_range.setv({start: x0, end: x1}, {sync: false})
      if (y0 != null) plot.y_range.setv({start: y0, end: y1}, {sync: false})
      if (z0 != null) mappers[at(mapper_names, name)].setv({low: z0, high: z1}, {sync: false})
    }
    for (const [key, columns] of data) {
      sources[at(keys, key)].setv({data: columns}, quiet)
      const ticker = at(ticker_keys, key)
      if (ticker >= 0) tickers[ticker].setv({ticks: Array.from(columns.at)}, {sync: false})
    }
  }
  return {
    wait(name) {
      if (!waiting.has(name)) waiting.set(name, {span: null, data: new Map()})
      return waiting.get(name)
    },
    show(everything) {
      for (const name of [...waiting.keys()]) if (everything || in_sight(name)) apply(name)
    },
  }
}

const figures = (frame.gnlab_figures ??= setup())
const numbers = frame.data.numbers[0]
const {spans, data} = JSON.parse(frame.data.text[0])
const read = (value) => {
  if (Array.isArray(value)) return value
  const {at, shape} = value
  const size = shape.reduce((one, two) => one * two, 1)
  const flat = new Float32Array(numbers.buffer, numbers.byteOffset + 4 * at, size)
  // Bokeh's arrays know their shape; an image is a column of one matrix.
  const array = new numbers.constructor(flat, shape)
  return shape.length == 1 ? array : [array]
}
for (const [name, ...span] of spans) figures.wait(name).span = span
for (const [key, packed] of Object.entries(data)) {
  const columns = Object.fromEntries(Object.entries(packed).map(([name, v]) => [name, read(v)]))
  figures.wait(key.slice(0, key.indexOf("|"))).data.set(key, columns)
}
figures.show(frame.data.state[0] != "playing")

const version = frame.data.version[0]
const drawn = {
  version,
  step: frame.data.step[0],
  applied: frame.data.applied[0],
  published_at: frame.data.published_at[0],
  received_at,
}
// The figures paint in the next animation frame; a task queued from there runs after them all.
requestAnimationFrame(() => setTimeout(() => {
  drawn.drawn_at = now()
  const frames = (window.gnlab_frames ??= [])
  frames.push(drawn)
  if (frames.length > 2000) frames.shift()
  ack.data = {version: [version], drawn_at: [drawn.drawn_at]}
}, 0))
