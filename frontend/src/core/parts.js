// Connected parts of a label in 3D. Voxels belong together where they share a face, as in 3D Slicer's islands and in
// ndimage.label; the runs of neighbouring rows are joined (union-find), so that a part costs its rows and not its voxels.
import { rowsOf } from "./rows.js";

/**
 * @typedef {object} Parts
 * @property {import("./rows.js").Rows} rows the runs of the label
 * @property {Int32Array} numbers the part of each run, 0, 1, … in the order of their first voxels
 * @property {number[]} sizes voxels of each part
 */

/** The connected parts of the voxels with label `value`. @param {Piece} piece see rows.js @returns {Parts} */
export function partsOf(piece, value) {
  const rows = rowsOf(piece, value);
  const parents = Int32Array.from(rows.starts.keys());
  const { height, depth } = piece;
  for (let z = 0, row = 0; z < depth; z += 1) {
    for (let y = 0; y < height; y += 1, row += 1) {
      if (rows.first[row] === rows.first[row + 1]) continue;
      if (y > 0) join(rows, row, row - 1, parents);
      if (z > 0) join(rows, row, row - height, parents);
    }
  }
  return { rows, ...numbered(rows, parents) };
}

/** Join the runs of two neighbouring rows that overlap. */
function join({ first, starts, ends }, row, other, parents) {
  let [one, two] = [first[row], first[other]];
  const [last, lastOther] = [first[row + 1], first[other + 1]];
  while (one < last && two < lastOther) {
    if (starts[one] < ends[two] && starts[two] < ends[one]) unite(parents, one, two);
    if (ends[one] < ends[two]) one += 1;
    else two += 1;
  }
}

function rootOf(parents, run) {
  let at = run;
  while (parents[at] !== at) {
    parents[at] = parents[parents[at]];
    at = parents[at];
  }
  return at;
}

function unite(parents, one, other) {
  const [a, b] = [rootOf(parents, one), rootOf(parents, other)];
  if (a !== b) parents[Math.max(a, b)] = Math.min(a, b);
}

function numbered({ starts, ends }, parents) {
  const numbers = new Int32Array(parents.length);
  const sizes = [];
  for (let run = 0; run < parents.length; run += 1) {
    const root = rootOf(parents, run);
    if (root === run) numbers[run] = sizes.push(0) - 1;
    else numbers[run] = numbers[root];
    sizes[numbers[run]] += ends[run] - starts[run];
  }
  return { numbers, sizes };
}

/** Call `visit(from, to)` with the places in `labels` of every run of the parts that `chosen` (by number) is true for. */
export function runsOf({ width }, { rows, numbers }, chosen, visit) {
  const { first, starts, ends } = rows;
  for (let row = 0; row + 1 < first.length; row += 1) {
    for (let run = first[row]; run < first[row + 1]; run += 1) {
      if (chosen(numbers[run])) visit(row * width + starts[run], row * width + ends[run]);
    }
  }
}

/** Number of the part that voxel [x, y, z] of the grid lies in, -1 where the voxel is not of its label. */
export function partAt({ height, depth, y0, z0 }, { rows, numbers }, [x, y, z]) {
  if (y < y0 || y >= y0 + height || z < z0 || z >= z0 + depth) return -1;
  const row = (z - z0) * height + (y - y0);
  for (let run = rows.first[row]; run < rows.first[row + 1]; run += 1) {
    if (x >= rows.starts[run] && x < rows.ends[run]) return numbers[run];
  }
  return -1;
}

/**
 * Everything of one label that is connected with the voxel [x, y, z] of the grid, in 3D.
 * @param {Piece} piece see rows.js
 * @returns {{label: number, voxels: number, runs: number[]}} `runs`: from, to, from, to … in `labels`, without the ends
 */
export function connectedPart(piece, [x, y, z]) {
  const { labels, width, height, y0, z0 } = piece;
  const label = labels[((z - z0) * height + (y - y0)) * width + x];
  const parts = partsOf(piece, label);
  const number = partAt(piece, parts, [x, y, z]);
  const runs = [];
  runsOf(
    piece,
    parts,
    (one) => one === number,
    (from, to) => runs.push(from, to),
  );
  return { label, voxels: parts.sizes[number], runs };
}
