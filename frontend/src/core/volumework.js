// The work on whole volumes, by name. It runs in a worker (src/volumeworker.js); nothing here knows a page.
import { growBall, shrinkBall, smoothBall } from "./balls.js";
import { cutThrough, splitPart } from "./cuts.js";
import { Grid, Plane } from "./grid.js";
import { partAt, partsOf, runsOf } from "./parts.js";
import { changesOf } from "./pieces.js";

/** Each changes the labels of a piece (rows.js) in place; `tell` hears how much is done, from 0 to 1. */
const WORK = {
  /** The part that `seed` lies in becomes `to`. */
  rename(piece, { value, to, seed }) {
    const parts = partsOf(piece, value);
    const number = partAt(piece, parts, seed);
    runsOf(
      piece,
      parts,
      (one) => one === number,
      (from, end) => piece.labels.fill(to, from, end),
    );
  },

  /** Every part but the largest is erased; of two of one size the first one stays. */
  "keep-largest": (piece, { value }) => eraseParts(piece, value, (sizes) => allBut(sizes, largestOf(sizes))),

  /** Parts of less than `voxels` are erased. */
  "remove-small": (piece, { value, voxels }) => eraseParts(piece, value, (sizes) => sizes.map((size) => size < voxels)),

  smooth: smoothBall,
  grow: growBall,
  shrink: shrinkBall,
  split: (piece, options) => splitPart(piece, options, planeOf(piece, options)),
  cut: (piece, options, tell) => cutThrough(piece, options, planeOf(piece, options), tell),
};

/** @param {(sizes: number[]) => boolean[]} choose which parts go */
function eraseParts(piece, value, choose) {
  const parts = partsOf(piece, value);
  const erased = choose(parts.sizes);
  runsOf(
    piece,
    parts,
    (number) => erased[number],
    (from, end) => piece.labels.fill(0, from, end),
  );
  return { parts: erased.filter(Boolean).length };
}

function largestOf(sizes) {
  return sizes.reduce((best, size, number) => (size > sizes[best] ? number : best), 0);
}

function allBut(sizes, kept) {
  return sizes.map((_, number) => number !== kept);
}

function planeOf({ grid }, { plane }) {
  return new Plane(plane, gridOf(grid));
}

function gridOf({ width, height, depth, sx, sy, sz }) {
  const affine = [sx, 0, 0, 0, 0, sy, 0, 0, 0, 0, sz, 0, 0, 0, 0, 1];
  return new Grid({ shape: [depth, height, width], spacing: [sz, sy, sx], affine, spacing_known: true });
}

/**
 * Do the work `name` on a piece.
 * @returns {{slices: {z: number, runs: Int32Array}[], voxels: number, parts?: number}} what it changed, of how many voxels, and
 *   how many parts were erased where that is its work
 */
export function workOn(name, piece, options, tell = () => {}) {
  const before = piece.labels.slice();
  const facts = WORK[name](piece, options, tell) ?? {};
  const slices = changesOf(before, piece);
  return { ...facts, slices, voxels: slices.reduce((sum, { runs }) => sum + voxelsOf(runs), 0) };
}

function voxelsOf(runs) {
  let sum = 0;
  for (let i = 1; i < runs.length; i += 4) sum += runs[i];
  return sum;
}
