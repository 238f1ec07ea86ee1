// Runs in the browser when a frame arrives: hands it to the figures, and acknowledges it once it
// has been drawn.
// Arguments: frame, ack, draw (the script that draws the figures), grab (what makes sliders follow).
const {version, step, applied, published_at, state, text, numbers} = frame.data
if (version.length == 0) return
const now = () => performance.timeOrigin + performance.now()
const drawn = {
  version: version[0],
  step: step[0],
  applied: applied[0],
  published_at: published_at[0],
  received_at: now(),
}
const acknowledge = (version) => {
  drawn.drawn_at = now()
  ack.data = {version: [version], drawn_at: [drawn.drawn_at]}
}
// Bokeh's arrays know their shape; an image is a column of one matrix.
const read = (value) => {
  if (Array.isArray(value)) return value
  const {at, shape} = value
  const size = shape.reduce((one, two) => one * two, 1)
  const flat = new Float32Array(numbers[0].buffer, numbers[0].byteOffset + 4 * at, size)
  const array = new numbers[0].constructor(flat, shape)
  return shape.length == 1 ? array : [array]
}
const {theme, spans, data} = JSON.parse(text[0])
const show = (figures) => {
  if (theme != null) figures.paint(theme)
  const columns = Object.entries(data).map(([key, packed]) => [
    key, Object.fromEntries(Object.entries(packed).map(([name, value]) => [name, read(value)])),
  ])
  figures.update(spans, columns)
  figures.show(state[0] != "playing")
  // The figures paint in the next animation frame; a task queued from there runs after them all.
  requestAnimationFrame(() => setTimeout(() => {
    acknowledge(drawn.version)
    const frames = (window.gnlab_frames ??= [])
    frames.push(drawn)
    if (frames.length > 2000) frames.shift()
  }, 0))
}
const shown = frame.gnlab_figures
if (shown?.alive) return show(shown)
// The page was not drawn yet, or is drawn anew elsewhere, and wants a frame that has everything;
// only such a frame has the theme.
frame.gnlab_drawing ??= draw.execute(frame).then((figures) => {
  grab.execute(frame)
  frame.gnlab_figures = figures
  frame.gnlab_drawing = null
  if (figures == null) return
  if (theme != null) show(figures)
  else acknowledge(0)
})
