// Runs when the page's connection to the server is lost, which does not come back: says so above
// the page, and takes the controls away, which nobody answers any more. No model is changed where
// the server would be told.
// Arguments: words (what is said).
if (document.querySelector(".gnlab-lost:not(.gnlab-silent)") != null) return  // told once is enough
const bar = document.createElement("div")
bar.className = "gnlab-lost"
bar.setAttribute("role", "alert")
const again = document.createElement("button")
again.textContent = "Reload"
again.addEventListener("click", () => location.reload())
bar.append(words, again)
document.body.prepend(bar)
const within = (root) => [...root.querySelectorAll("*")].flatMap((element) => {
  return element.shadowRoot == null ? [element] : [element, ...within(element.shadowRoot)]
})
for (const element of within(document)) {
  if (!element.matches(".gn-side, .bk-btn, .message a")) continue
  element.inert = true
  if (!element.matches(".gn-side")) continue
  for (const part of element.shadowRoot.children) part.style.opacity = 0.5
}
// The header's figure is a document of its own, which no server listens to.
for (const one of Bokeh.documents) {
  const values = one.get_model_by_name("strip-values")
  if (values == null || values.data.text.length == 0) continue
  const [, ...text] = values.data.text
  const [, ...color] = values.data.color
  values.data = {...values.data, text: ["offline", ...text], color: ["#d93a2f", ...color]}
}
