// Runs in the browser when "What if?" is pressed: the answer stands below the first screen.
// Arguments: parts (the page's parts that have places for figures).
for (const part of parts) {
  const card = cb_context.index.find_one(part)?.shadow_el.querySelector(".gn-what-if")
  card?.scrollIntoView({block: "nearest", behavior: "smooth"})
}
