// The difference of two slices as runs, so that an undo step costs bytes and not slices.

/** Four pixels at a time, of slices and of pieces of them that lie well in memory; else null. */
function wordsOf(bytes) {
  return bytes.byteOffset % 4 || bytes.length % 4 ? null : new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** The first place from `start` on where two slices can differ: not behind one where they do. */
function skipEqual(first, second, start) {
  if (!first || !second || start % 4) return start;
  let word = start / 4;
  while (word < first.length && first[word] === second[word]) word += 1;
  return word * 4;
}

/** The first pixel of label `value`, -1 where there is none: `indexOf`, but quick over the empty part of a slice. */
export function firstOf(slice, value) {
  const words = wordsOf(slice);
  let word = 0;
  if (words && value) while (word < words.length && !words[word]) word += 1;
  return slice.indexOf(value, word * 4);
}

/** The last pixel of label `value`, -1 where there is none. */
export function lastOf(slice, value) {
  const words = wordsOf(slice);
  let word = slice.length / 4;
  if (words && value) while (word > 0 && !words[word - 1]) word -= 1;
  return slice.lastIndexOf(value, Math.max(0, word * 4 - 1));
}

/**
 * Runs of equal change: [start, length, before, after, ...]; empty when the slices are equal.
 * @param {Uint8Array} before @param {Uint8Array} after @returns {Int32Array}
 */
export function diffRuns(before, after) {
  const found = [];
  const { length } = after;
  const [words, others] = [wordsOf(before), wordsOf(after)];
  for (let i = 0; i < length; ) {
    if (before[i] === after[i]) {
      i = Math.max(i + 1, skipEqual(words, others, i));
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
  for (let i = skipEqual(wordsOf(first), wordsOf(second), 0); i < first.length; i += 1) if (first[i] !== second[i]) return false;
  return true;
}

/** Whether the same pixels are marked, whatever their labels. */
export function sameMarks(first, second) {
  for (let i = 0; i < first.length; i += 1) if (!first[i] !== !second[i]) return false;
  return true;
}

/**
 * How many pixels of each column and of each row have each label.
 * @param {Uint8Array} slice @param {number} width
 * @returns {Map<number, {columns: Uint32Array, rows: Uint32Array}>} by label, those that are there
 */
export function countLines(slice, width) {
  const found = new Map();
  const height = slice.length / width;
  const linesOf = (label) => {
    if (!found.has(label)) found.set(label, { columns: new Uint32Array(width), rows: new Uint32Array(height) });
    return found.get(label);
  };
  let [label, lines] = [0, null];
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      if (!slice[i]) continue;
      if (slice[i] !== label) [label, lines] = [slice[i], linesOf(slice[i])];
      lines.columns[x] += 1;
      lines.rows[y] += 1;
    }
  }
  return found;
}

/** How many pixels have each label. @returns {Uint32Array} by label, 0 to 255 */
export function countLabels(slice) {
  const counts = new Uint32Array(256);
  const words = wordsOf(slice);
  if (!words) {
    for (let i = 0; i < slice.length; i += 1) counts[slice[i]] += 1;
    return counts;
  }
  // Most of a slice is background.
  for (let word = 0, i = 0; word < words.length; word += 1, i += 4) {
    if (words[word]) for (let k = i; k < i + 4; k += 1) counts[slice[k]] += 1;
    else counts[0] += 4;
  }
  return counts;
}
