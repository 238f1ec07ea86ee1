// Runs once when a page is ready: who presses on a slider's bar beside its handle has taken hold of
// the handle, which goes there, and follows. Bokeh's sliders go there and stay.
if (window.gnlab_grabs) return
window.gnlab_grabs = true
let held = false
for (const kind of ["mouseup", "blur"]) window.addEventListener(kind, () => { held = false }, true)
window.addEventListener("mousedown", (event) => {
  const pressed = event.composedPath()[0]
  const bar = pressed.closest?.(".noUi-target")
  if (event.button != 0 || bar == null || pressed.closest(".noUi-handle") != null) return
  const handles = bar.querySelectorAll(".noUi-handle")
  if (handles.length != 1 || bar.hasAttribute("disabled")) return
  held = true
  // The slider itself takes the press first; it may be over before this.
  setTimeout(() => {
    if (!held) return
    // While the handle glides to its new place the slider takes no other press.
    bar.classList.remove("noUi-state-tap")
    const {clientX, clientY, buttons} = event
    const again = {clientX, clientY, button: 0, buttons, bubbles: true, cancelable: true}
    handles[0].firstElementChild.dispatchEvent(new MouseEvent("mousedown", again))
    handles[0].focus()
  }, 0)
}, true)
