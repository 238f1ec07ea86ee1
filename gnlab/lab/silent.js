// Runs once when the page is ready: where a run that plays has drawn nothing for some seconds, asks
// the server whether it is there at all, since one that hangs keeps its connections. A step may
// take as long: then the server answers. The line goes away when it does.
// Arguments: words (what is said), patience (the seconds), frame (the source of the page's frames).
const address = new URL("static/js/bokeh.min.js", location.href)
const bar = document.createElement("div")
bar.className = "gnlab-lost gnlab-silent"
bar.setAttribute("role", "alert")
bar.append(words)
const quiet = () => {
  if (frame.data.state[0] != "playing" || document.hidden) return false
  const drawn = window.gnlab_frames?.at(-1)?.drawn_at ?? Infinity
  return performance.timeOrigin + performance.now() - drawn > 1000 * patience
}
let asked = false
setInterval(async () => {
  if (document.querySelector(".gnlab-lost:not(.gnlab-silent)") != null) return bar.remove()
  if (asked || !(bar.isConnected || quiet())) return
  asked = true
  const question = {method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(1000 * patience)}
  // A server that has ended refuses at once, and that is told when the connection is lost.
  const hangs = await fetch(address, question).then(() => false, (why) => why.name == "TimeoutError")
  asked = false
  if (!hangs) bar.remove()
  else if (!bar.isConnected) document.body.prepend(bar)
}, 1000)
