// Runs once when the page is ready: the keyboard's shortcuts. Keys typed into a field stay there.
// Arguments: keys (a source the server listens to), levels (the coarseness slider).
const known = {" ": "play", "ArrowRight": "step", "ArrowLeft": "rewind", "r": "reset", "R": "reset"}
// The button that the pointer has pressed last. It keeps the focus, and shows it at the next key:
// nothing else tells it from one that the keyboard has gone to.
let pressed = null
document.addEventListener("pointerdown", (event) => {
  pressed = event.composedPath()[0].closest?.("button")
}, true)
document.addEventListener("keydown", (event) => {
  if (event.key == "Tab") pressed = null
  const bracket = event.key == "[" || event.key == "]"
  // On many keyboards a bracket is typed with AltGr or Option: Ctrl and Alt, or Alt alone.
  const typed = bracket && event.altKey && !event.metaKey
  if (!typed && (event.ctrlKey || event.metaKey || event.altKey)) return
  const target = event.composedPath()[0]
  const kind = target.tagName
  if (kind == "TEXTAREA" || kind == "SELECT" || kind == "INPUT" || target.isContentEditable) return
  // Whoever goes from button to button by the keyboard presses them by the space bar.
  if (event.key == " " && target != pressed && target.matches?.("button:focus-visible")) return
  const slider = target.closest?.(".noUi-handle") != null
  if (slider && event.key.startsWith("Arrow")) return
  if (bracket) {
    if (levels.disabled) return
    const moved = levels.value + (event.key == "]" ? 1 : -1)
    levels.value = Math.min(levels.end, Math.max(levels.start, moved))
  } else if (event.key in known) {
    // A focused button would be pressed by the space bar a second time, in some browsers when the
    // key goes up.
    event.preventDefault()
    if (target == pressed) target.blur()
    keys.data = {key: [known[event.key]], count: [(keys.data.count[0] ?? 0) + 1]}
  }
})
