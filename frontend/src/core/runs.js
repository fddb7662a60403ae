// The difference of two slices as runs, so that an undo step costs bytes and not slices.

/**
 * Runs of equal change: [start, length, before, after, ...]; empty when the slices are equal.
 * @param {Uint8Array} before @param {Uint8Array} after @returns {Int32Array}
 */
export function diffRuns(before, after) {
  const found = [];
  const { length } = after;
  for (let i = 0; i < length; ) {
    if (before[i] === after[i]) {
      i += 1;
      continue;
    }
    const start = i;
    const [from, to] = [before[i], after[i]];
    while (i < length && before[i] === from && after[i] === to) i += 1;
    found.push(start, i - start, from, to);
  }
  return Int32Array.from(found);
}

/** Write the earlier values back. */
export function undoRuns(slice, runs) {
  for (let i = 0; i < runs.length; i += 4) slice.fill(runs[i + 2], runs[i], runs[i] + runs[i + 1]);
}

/** Write the later values again. */
export function redoRuns(slice, runs) {
  for (let i = 0; i < runs.length; i += 4) slice.fill(runs[i + 3], runs[i], runs[i] + runs[i + 1]);
}

export function sameSlice(first, second) {
  if (first === second) return true;
  if (first.length !== second.length) return false;
  for (let i = 0; i < first.length; i += 1) if (first[i] !== second[i]) return false;
  return true;
}

/**
 * How many pixels of each column and of each row are marked.
 * @param {Uint8Array} slice @param {number} width @returns {{columns: Uint32Array, rows: Uint32Array}}
 */
export function countLines(slice, width) {
  const columns = new Uint32Array(width);
  const rows = new Uint32Array(slice.length / width);
  for (let y = 0, i = 0; y < rows.length; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      if (!slice[i]) continue;
      columns[x] += 1;
      rows[y] += 1;
    }
  }
  return { columns, rows };
}

export function countMarked(slice) {
  let count = 0;
  for (let i = 0; i < slice.length; i += 1) if (slice[i]) count += 1;
  return count;
}
