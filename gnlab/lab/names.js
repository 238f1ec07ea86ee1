// Runs where a matrix is laid out, and where the names beside it change: in a small figure the
// letters are smaller, so that no name is cut off.
// Arguments: made (the figure), names (the source of the names), glyph (what draws them), room
// (what a name has room for, where the matrix is 1 wide), largest and smallest (a letter's size).
const margin = 3
const pixels = room * made.inner_width / (made.x_range.end - made.x_range.start) - margin
const paint = document.createElement("canvas").getContext("2d")
paint.font = `${largest}px ${glyph.text_font.value}`
const widest = Math.max(0, ...Array.from(names.data.text, (text) => paint.measureText(text).width))
const fitting = Math.floor(2 * largest * pixels / widest) / 2
const size = `${Math.max(smallest, Math.min(largest, fitting))}px`
if (pixels > 0 && widest > 0 && glyph.text_font_size.value != size) {
  glyph.text_font_size = {value: size}
}
