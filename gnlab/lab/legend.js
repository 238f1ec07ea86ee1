// Runs where a figure's data change: its legend names what there is to be seen. An empty figure's
// legend keeps its height, so that nothing moves when the first data come.
// Arguments: box (the legend).
const seen = (item) => item.renderers.some((renderer) => renderer.data_source.get_length() > 0)
const any = box.items.some(seen)
if (box.label_text_alpha != Number(any)) box.label_text_alpha = Number(any)
for (const item of box.items) {
  const visible = seen(item) || !any
  if (item.visible != visible) item.visible = visible
}
