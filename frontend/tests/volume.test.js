import assert from "node:assert/strict";
import { test } from "node:test";

import { Grid, Plane } from "../src/core/grid.js";
import { Volume } from "../src/data/volume.js";

const [DEPTH, HEIGHT, WIDTH, ROOM] = [12, 4, 6, 5];
const AFFINE = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
const grid = new Grid({ shape: [DEPTH, HEIGHT, WIDTH], spacing: [1, 1, 1], affine: AFFINE, spacing_known: true });
const sliceOf = (z) => Int16Array.from({ length: WIDTH * HEIGHT }, (_, i) => 100 * z + i);

/** A volume with room for few slices, at `centre`, into which every slice that it wants was put. */
function filled(centre) {
  const volume = new Volume(grid, "", { mostBytes: ROOM * 2 * WIDTH * HEIGHT });
  volume.centre = centre;
  fill(volume);
  return volume;
}

function fill(volume) {
  let fetched = 0;
  for (let z = 0; z < DEPTH; z += 1) {
    if (volume.source.has(z)) continue;
    volume.keep(z, sliceOf(z));
    fetched += 1;
  }
  return fetched;
}

test("a series that does not fit is whole near the shown slice and at half size elsewhere", () => {
  const volume = filled(6);
  assert.equal(volume.slices.size, ROOM);
  for (const z of [4, 5, 6, 7, 8]) assert.deepEqual(volume.get(z), sliceOf(z));
  assert.equal(volume.get(0), null);
  const plane = new Plane("coronal", grid);
  const out = new Int16Array(plane.width * plane.height);
  assert.equal(volume.cut(plane, 2, out, -1), true);
  assert.deepEqual([...out.subarray((DEPTH - 1) * WIDTH)], [12, 12, 14, 14, 16, 16]); // z 0, every second pixel of row 2
  assert.deepEqual([...out.subarray((DEPTH - 7) * WIDTH, (DEPTH - 6) * WIDTH)], [...sliceOf(6).subarray(12, 18)]);
});

test("nothing is fetched again and again, and a reader who moves gets whole slices", () => {
  const volume = filled(6);
  assert.equal(fill(volume), 0);
  volume.centre = 1;
  assert.ok(fill(volume) > 0);
  assert.equal(fill(volume), 0);
  for (const z of [0, 1, 2, 3]) assert.deepEqual(volume.get(z), sliceOf(z));
});
