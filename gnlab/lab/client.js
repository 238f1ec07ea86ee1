// Runs in the browser when a frame arrives: hands its columns on to the figures' sources, and
// acknowledges the frame once it has been drawn. Nothing set here is sent back to the server.
// Arguments: frame, ack; keys with sources, names with plots, ticker_keys with tickers and
// ticker_sources, mapper_names with mappers.
const quiet = {sync: false, check_eq: false}
const at = (list, name) => list.indexOf(name)
const columns = frame.data
if (!columns.version || columns.version.length == 0) return

const fresh = new Map()
for (const [key, cell] of Object.entries(columns)) {
  const cut = key.lastIndexOf("|")
  if (cut < 0) continue
  const name = key.slice(0, cut)
  if (!fresh.has(name)) fresh.set(name, {})
  fresh.get(name)[key.slice(cut + 1)] = cell[0]
}
// Painting is what costs: a figure out of sight waits with its newest data until it is scrolled
// into sight, or until the run pauses.
const waiting = (frame.gnlab_waiting ??= new Map())
const wait = (name) => {
  if (!waiting.has(name)) waiting.set(name, {span: null, data: new Map()})
  return waiting.get(name)
}
const in_sight = (name) => {
  const view = Bokeh.index.find_one(plots[at(names, name)])
  if (view == null) return true
  const {top, bottom} = view.el.getBoundingClientRect()
  return bottom > -50 && top < window.innerHeight + 50
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
const show = (everything) => {
  const due = [...waiting.keys()].filter((name) => everything || in_sight(name))
  for (const name of due) apply(name)
}
for (const [name, ...span] of columns.spans[0]) wait(name).span = span
for (const [key, data] of fresh) wait(key.slice(0, key.indexOf("|"))).data.set(key, data)
show(columns.state[0] != "playing")
if (!frame.gnlab_scrolls) {
  frame.gnlab_scrolls = true
  document.addEventListener("scroll", () => show(false), {capture: true, passive: true})
  window.addEventListener("resize", () => show(false))
}

const now = () => performance.timeOrigin + performance.now()
const received_at = now()
const version = columns.version[0]
const drawn = {
  version,
  step: columns.step[0],
  applied: columns.applied[0],
  published_at: columns.published_at[0],
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
