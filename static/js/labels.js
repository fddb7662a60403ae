// The labels of a task: rows are added and moved, by buttons or by Alt and an arrow.

const form = document.querySelector("form[data-labels]");
const HIGHEST = 255;

const rows = () => [...form.querySelectorAll("[data-label-row]")];
const field = (row, name) => row.querySelector(`[name="label_${name}"]`);

function add() {
  const last = rows().at(-1);
  const row = last.cloneNode(true);
  const taken = new Set(rows().map((one) => Number(field(one, "value").value)));
  const above = Math.max(0, ...taken) + 1;
  const free = above <= HIGHEST ? above : Array.from({ length: HIGHEST }, (_, n) => n + 1).find((n) => !taken.has(n));
  for (const input of row.querySelectorAll("input:not([type=color]), select")) input.value = "";
  field(row, "value").value = free ?? "";
  last.after(row);
  field(row, "name").focus();
}

/** @param {HTMLElement} row @param {"up" | "down"} way */
function move(row, way, focused) {
  const other = way === "up" ? row.previousElementSibling : row.nextElementSibling;
  if (!other) return;
  if (way === "up") other.before(row);
  else other.after(row);
  focused.focus();
}

if (form) {
  form.addEventListener("click", (event) => {
    const button = event.target.closest?.("button");
    if (!button) return;
    if ("addLabel" in button.dataset) add();
    else if (button.dataset.move) move(button.closest("[data-label-row]"), button.dataset.move, button);
  });
  form.addEventListener("keydown", (event) => {
    const way = { ArrowUp: "up", ArrowDown: "down" }[event.key];
    const row = event.target.closest?.("[data-label-row]");
    if (!event.altKey || !way || !row) return;
    event.preventDefault();
    move(row, way, event.target);
  });
}
