// Cutting a whole mask along something drawn in one view: a line becomes a plane, a polygon a prism.
import { partAt, partsOf, runsOf } from "./parts.js";
import { polygon } from "./shapes.js";

/** Twice the area of the triangle a, b, point: positive on one side of the line through a and b, negative on the other. */
export function sideOf([au, av], [bu, bv], [u, v]) {
  return (bu - au) * (v - av) - (bv - av) * (u - au);
}

/** Pixels [u, v] that the segment from a to b goes through, each once, about one for each step of a pixel. */
export function pixelsOn([au, av], [bu, bv]) {
  const steps = Math.max(1, Math.ceil(2 * Math.max(Math.abs(bu - au), Math.abs(bv - av))));
  const found = new Map();
  for (let i = 0; i <= steps; i += 1) {
    const at = [au + ((bu - au) * i) / steps, av + ((bv - av) * i) / steps].map(Math.round);
    found.set(at.join(), at);
  }
  return [...found.values()];
}

/**
 * Split what the line from `a` to `b` goes through: of every connected part of label `value` with a voxel in `seeds`,
 * what lies on the side of `side` gets label `to`. The plane goes through the line and straight into the picture.
 * @param {Piece} piece see rows.js; changed in place
 * @param {{value: number, to: number, seeds: number[][], a: number[], b: number[], side: number[]}} cut a, b, side: pixels
 *   [u, v] of a picture of `plane`
 */
export function splitPart(piece, { value, to, seeds, a, b, side }, plane) {
  const parts = partsOf(piece, value);
  const chosen = new Set(seeds.map((seed) => partAt(piece, parts, seed)).filter((number) => number >= 0));
  const { labels, width, height, y0, z0 } = piece;
  const sign = Math.sign(sideOf(a, b, side));
  runsOf(
    piece,
    parts,
    (number) => chosen.has(number),
    (from, end) => {
      const row = Math.floor(from / width);
      const [y, z] = [y0 + (row % height), z0 + Math.floor(row / height)];
      for (let i = from; i < end; i += 1) {
        const [u, v] = plane.fromVoxel(i - row * width, y, z);
        if (sideOf(a, b, [u, v]) * sign > 0) labels[i] = to;
      }
    },
  );
}

/**
 * Every marked voxel that looks, in a picture of `plane`, as if it lay inside the polygon becomes `to` (0: it is erased),
 * where `free[its label]` allows it.
 * @param {Piece} piece see rows.js; changed in place
 */
export function cutThrough(piece, { corners, to, free }, plane, tell = () => {}) {
  const inside = new Uint8Array(plane.width * plane.height);
  polygon(corners, plane.width, plane.height, (u, v) => {
    inside[v * plane.width + u] = 1;
  });
  const { labels, width, height, depth, y0, z0 } = piece;
  for (let z = 0, i = 0; z < depth; z += 1) {
    for (let y = 0; y < height; y += 1) {
      const [u0, v0] = plane.fromVoxel(0, y0 + y, z0 + z);
      const [start, step] = [v0 * plane.width + u0, plane.name === "sagittal" ? 0 : 1];
      for (let x = 0; x < width; x += 1, i += 1) {
        if (labels[i] && inside[start + x * step] && labels[i] !== to && free[labels[i]]) labels[i] = to;
      }
    }
    if (z % 16 === 0) tell(z / depth);
  }
}

/** The rows and slices, [y0, y1, z0, z1] with their ends, that a prism over a polygon can touch. */
export function boxOfPrism(corners, plane, { height, depth }) {
  const range = (values, last) => [Math.max(0, Math.ceil(Math.min(...values))), Math.min(last, Math.floor(Math.max(...values)))];
  const us = corners.map(([u]) => u);
  const vs = corners.map(([, v]) => v);
  if (plane.name === "axial") return [...range(vs, height - 1), 0, depth - 1];
  const [top, bottom] = range(vs, depth - 1);
  const zs = [depth - 1 - bottom, depth - 1 - top];
  return plane.name === "sagittal" ? [...range(us, height - 1), ...zs] : [0, height - 1, ...zs];
}
