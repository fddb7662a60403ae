// A box in the head of a table that chooses every row: data-check-all names the boxes, within the same form.
for (const all of document.querySelectorAll("[data-check-all]")) {
  const boxes = () => [...all.form.querySelectorAll(`input[name="${all.dataset.checkAll}"]`)];
  const show = () => {
    const chosen = boxes().filter((box) => box.checked).length;
    all.checked = chosen > 0 && chosen === boxes().length;
    all.indeterminate = chosen > 0 && !all.checked;
  };
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
  });
  all.form.addEventListener("change", show);
  // Boxes that the browser remembered after going back.
  window.addEventListener("pageshow", show);
}
