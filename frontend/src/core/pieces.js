// A piece of a mask, cut out for work on the whole volume, and what that work has changed, as runs of the slices.
import { diffRuns, firstOf, lastOf } from "./runs.js";

/**
 * The rows and slices [y0, y1, z0, z1] (with their ends) in which `value` is; null where it is on none of the slices `zs`.
 * @param {(z: number) => Uint8Array} sliceAt
 */
export function boxOf(sliceAt, zs, value, width) {
  let box = null;
  for (const z of zs) {
    const slice = sliceAt(z);
    const start = firstOf(slice, value);
    if (start < 0) continue;
    const [y0, y1] = [start, lastOf(slice, value)].map((i) => Math.floor(i / width));
    box ??= [y0, y1, z, z];
    box = [Math.min(box[0], y0), Math.max(box[1], y1), Math.min(box[2], z), Math.max(box[3], z)];
  }
  return box;
}

/** A box with `y` rows and `z` slices more on each side, as far as the grid goes. */
export function widened([y0, y1, z0, z1], { y, z }, { height, depth }) {
  return [Math.max(0, y0 - y), Math.min(height - 1, y1 + y), Math.max(0, z0 - z), Math.min(depth - 1, z1 + z)];
}

/**
 * Cut a piece (rows.js) out of the slices. The grid goes with it as plain numbers, so that a worker can be sent it.
 * @param {(z: number) => Uint8Array} sliceAt
 */
export function pieceOf(sliceAt, [y0, y1, z0, z1], grid) {
  const { width, sx, sy, sz } = grid;
  const [height, depth] = [y1 - y0 + 1, z1 - z0 + 1];
  const labels = new Uint8Array(width * height * depth);
  for (let z = z0; z <= z1; z += 1) {
    labels.set(sliceAt(z).subarray(y0 * width, (y1 + 1) * width), (z - z0) * width * height);
  }
  return { labels, width, height, depth, y0, z0, grid: { width, height: grid.height, depth: grid.depth, sx, sy, sz } };
}

/** What differs between `before` and the labels of a piece: {z, runs} (runs.js) for every slice with a difference. */
export function changesOf(before, { labels, width, height, depth, y0, z0 }) {
  const length = width * height;
  const changed = [];
  for (let k = 0; k < depth; k += 1) {
    const runs = diffRuns(before.subarray(k * length, (k + 1) * length), labels.subarray(k * length, (k + 1) * length));
    if (!runs.length) continue;
    for (let i = 0; i < runs.length; i += 4) runs[i] += y0 * width;
    changed.push({ z: z0 + k, runs });
  }
  return changed;
}
