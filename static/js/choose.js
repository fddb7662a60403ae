// Choosing rows of a list for one action: a box in the head for all of them, and how many are chosen.
import { interpolate, ngettext } from "./i18n.js";

const form = document.getElementById("bulk");
const all = document.querySelector("[data-choose-all]");

const boxes = () => [...document.querySelectorAll('input[name="cases"][form="bulk"]')];

function show() {
  const every = boxes();
  const chosen = every.filter((box) => box.checked).length;
  all.checked = chosen > 0 && chosen === every.length;
  all.indeterminate = chosen > 0 && chosen < every.length;
  form.dataset.chosen = String(chosen);
  form.querySelector("[data-chosen-words]").textContent = interpolate(ngettext("%(n)s case selected", "%(n)s cases selected", chosen), {
    n: chosen,
  });
}

if (form && all) {
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    show();
  });
  document.addEventListener("change", (event) => event.target.matches?.('input[name="cases"]') && show());
  for (const changed of ["htmx:afterSwap", "spine:rows"]) document.addEventListener(changed, show);
  // Boxes that the browser remembered after going back.
  window.addEventListener("pageshow", show);
  show();
}
