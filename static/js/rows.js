// The rows of a work list: what the shown ones and those of another document differ in, and how they become the same.

const FRESH_MS = 3_000;

/** @param {Document} page */
export const listOf = (page) => page.querySelector("[data-list]");
export const rowsOf = (page) => [...page.querySelectorAll("[data-list] tr[data-case]")];

export function sameCases(rows, others) {
  return rows.length === others.length && rows.every((row, place) => row.dataset.case === others[place].dataset.case);
}

/** Whether their cells stand for the same; who may do more, or less, meanwhile has other columns. */
export const sameColumns = ([row], [other]) => !row || !other || row.cells.length === other.cells.length;

/**
 * Cells that say something else, of cases that both have: no box, focus or link is touched.
 * @param {boolean} mayMove whether a row may become higher, which moves those below it
 * @returns {boolean} whether every row could be taken
 */
export function takeCells(shown, fresh, mayMove) {
  const known = byCase(shown);
  const both = fresh.filter((row) => known.has(row.dataset.case));
  return both.filter((row) => !takeRow(known.get(row.dataset.case), row, mayMove)).length === 0;
}

function takeRow(shown, fresh, mayMove) {
  const places = [...fresh.cells].flatMap((cell, place) => (wordsOf(cell) === wordsOf(shown.cells[place]) ? [] : [place]));
  if (!places.length) return true;
  const [before, height] = [places.map((place) => shown.cells[place]), shown.offsetHeight];
  for (const place of places) shown.cells[place].replaceWith(fresh.cells[place].cloneNode(true));
  if (mayMove || shown.offsetHeight === height) return Boolean(highlight(shown));
  places.forEach((place, number) => shown.cells[place].replaceWith(before[number]));
  return false;
}

/** The cases of `fresh` in their order, with `more` as the way to the next ones; a row that stays is the same element. */
export function takeRows(list, fresh, more) {
  const shown = rowsOf(document);
  const known = byCase(shown);
  const wanted = fresh.map((row) => known.get(row.dataset.case) ?? highlight(document.importNode(row, true)));
  const left = shown.filter((row) => wanted.includes(row) || row.remove());
  const [last] = [...list.querySelectorAll("[data-new-rows]")].slice(-1);
  for (const row of wanted) {
    if (left[0] === row) {
      left.shift();
      continue;
    }
    if (left.includes(row)) left.splice(left.indexOf(row), 1);
    if (left.length) left[0].before(row);
    else last.append(row);
  }
  takeMore(list, more);
}

function takeMore(list, more) {
  const shown = list.querySelector("#more-cases");
  if (shown?.querySelector("a").getAttribute("href") === more?.querySelector("a").getAttribute("href")) return;
  shown?.remove();
  if (!more) return;
  const added = document.importNode(more, true);
  list.querySelector("table").append(added);
  window.htmx.process(added);
}

const byCase = (rows) => new Map(rows.map((row) => [row.dataset.case, row]));

/** Of a cell: how long ago something was, and whether a box is chosen, is no news. */
function wordsOf(cell) {
  const copy = cell.cloneNode(true);
  for (const part of copy.querySelectorAll("time, input")) part.remove();
  return copy.innerHTML;
}

function highlight(row) {
  row.classList.add("is-fresh");
  setTimeout(() => row.classList.remove("is-fresh"), FRESH_MS);
  return row;
}
