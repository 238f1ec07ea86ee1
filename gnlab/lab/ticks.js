// Runs where an axis is painted, for each of its ticks: the tick's label.
// Arguments: labels (a source with columns "at" and "label"), made (the figure, for an axis whose
// labels stand side by side; null for one whose labels stand above each other).
const {at, label} = labels.data
let nearest = 0
for (let i = 1; i < at.length; i++) {
  if (Math.abs(at[i] - tick) < Math.abs(at[nearest] - tick)) nearest = i
}
if (made == null || at.length == 0) return label[nearest] ?? ""
// Side by side there is room for every label, or every second, or fewer: as the axis is drawn now.
const on = (x) => made.x_scale.type == "LogScale" ? Math.log(x) : x
const {start, end} = made.x_range
const place = (x) => (on(x) - on(start)) / (on(end) - on(start)) * made.inner_width
const pixels = (letter) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹".includes(letter) ? 4.5 : 6.7
const width = (text) => [...text].reduce((sum, letter) => sum + pixels(letter), 0)
const fits = (i, j) => place(at[j]) - place(at[i]) > (width(label[i]) + width(label[j])) / 2 + 5
let step = 1
for (let i = 0; i + step < at.length; i += step) {
  if (!fits(i, i + step)) { step++; i = -step }
}
return nearest % step == 0 ? label[nearest] : ""
