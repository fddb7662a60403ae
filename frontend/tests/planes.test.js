// The tools that work on one slice of any plane, on a grid whose three sides and three spacings all differ.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Grid, Plane } from "../src/core/grid.js";
import { signedDistance } from "../src/core/interpolate.js";
import { Layer } from "../src/data/layer.js";
import { anchorsAround } from "../src/edit/anchors.js";
import { Editor } from "../src/edit/editor.js";
import { huOf, labelsOf } from "../src/edit/pictures.js";
import { clearSlice, copySlice, fillHolesOf, growFrom, interpolateBetween, stroke } from "../src/edit/tools.js";

const SHAPE = [9, 11, 13]; // z, y, x
const GRID = new Grid({
  shape: SHAPE,
  spacing: [3, 0.5, 1],
  affine: [1, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1],
  spacing_known: true,
});
const PLANES = ["axial", "sagittal", "coronal"].map((name) => new Plane(name, GRID));
const at = (x, y, z) => (z * SHAPE[1] + y) * SHAPE[2] + x;

/** An editor over a mask of which every slice is there; `marked` tells its voxels (x, y, z). */
function correcting(marked) {
  const slices = Array.from({ length: SHAPE[0] }, (_, z) =>
    Uint8Array.from({ length: GRID.sliceLength }, (_, i) => Number(marked(i % SHAPE[2], Math.floor(i / SHAPE[2]), z))),
  );
  const layer = new Layer({ id: "mask", areas_px: slices.map((slice) => slice.reduce((a, b) => a + b, 0)), slices: "" }, GRID, {});
  slices.forEach((slice, z) => layer.stored.set(z, slice));
  const editor = new Editor(() => {});
  editor.work(layer);
  return editor;
}

/** The whole mask, voxel by voxel. */
const held = ({ layer }) => Uint8Array.from([...Array(SHAPE[0]).keys()].flatMap((z) => [...layer.slice(z)]));

/** A mask that holds exactly the pixels [u, v] of slice `k` of a plane. */
function only(plane, k, isMarked) {
  const out = new Uint8Array(SHAPE[0] * GRID.sliceLength);
  for (let v = 0; v < plane.height; v += 1)
    for (let u = 0; u < plane.width; u += 1) if (isMarked(u, v)) out[at(...plane.toVoxel(u, v, k))] = 1;
  return out;
}

const isRing = (u, v) => u >= 2 && u <= 6 && v >= 2 && v <= 6 && !(u === 4 && v === 4);

for (const plane of PLANES) {
  const { name } = plane;
  const onSlice = (k, isMarked) => (x, y, z) => {
    const [u, v, here] = plane.fromVoxel(x, y, z);
    return here === k && isMarked(u, v);
  };

  test(`${name}: the pieces of a picture are the voxels of its plane`, () => {
    for (const { z, from, count, start, step } of plane.pieces(5)) {
      for (let i = 0; i < count; i += 1) {
        const [x, y, onZ] = plane.toVoxel((from + i) % plane.width, Math.floor((from + i) / plane.width), 5);
        assert.deepEqual([onZ, y * SHAPE[2] + x], [z, start + i * step]);
      }
    }
  });

  test(`${name}: a hole is filled, on this slice alone, and undone`, () => {
    const editor = correcting((x, y, z) => onSlice(5, isRing)(x, y, z) || onSlice(6, isRing)(x, y, z));
    const before = held(editor);
    assert.equal(fillHolesOf({ editor, plane, k: 5 }), 1);
    const [x, y, z] = plane.toVoxel(4, 4, 5);
    const expected = before.slice();
    expected[at(x, y, z)] = 1;
    assert.deepEqual(held(editor), expected);
    assert.deepEqual(editor.layer.changed(), [z]);
    editor.undo();
    assert.deepEqual(held(editor), before);
    assert.deepEqual(editor.layer.changed(), []);
    editor.redo();
    assert.deepEqual(held(editor), expected);
  });

  test(`${name}: a slice becomes the same as its neighbour, and only axial slices that differ are touched`, () => {
    const editor = correcting(onSlice(4, isRing));
    assert.ok(copySlice({ editor, plane, k: 5, from: 4 }));
    assert.deepEqual(labelsOf(editor.layer, plane, 5), labelsOf(editor.layer, plane, 4));
    assert.deepEqual(editor.layer.changed(), name === "axial" ? [5] : [2, 3, 4, 5, 6]);
    assert.equal(editor.layer.edits.size, editor.layer.changed().length);
    assert.ok(clearSlice({ editor, plane, k: 5 }));
    assert.deepEqual(editor.layer.changed(), []);
  });

  test(`${name}: a region grows over connected pixels of its slice`, () => {
    const isBone = (u, v) => u >= 1 && u <= 3 && v >= 1 && v <= 7;
    const volume = {
      grid: GRID,
      get: (z) =>
        Int16Array.from({ length: GRID.sliceLength }, (_, i) => {
          const [u, v, k] = plane.fromVoxel(i % SHAPE[2], Math.floor(i / SHAPE[2]), z);
          return isBone(u, v) || (u >= 6 && k === 5) ? 700 : -50;
        }),
    };
    const editor = correcting(() => false);
    assert.deepEqual(growFrom({ editor, volume, plane, k: 5, at: [2, 4], tolerance: 100 }), { count: 21, complete: true });
    assert.deepEqual(held(editor), only(plane, 5, isBone));
    editor.undo();
    assert.ok(held(editor).every((value) => value === 0));
  });

  test(`${name}: slices between two drawn ones follow the shapes in mm`, () => {
    const isWide = (u, v) => u >= 1 && u <= 7 && v >= 1 && v <= 7;
    const isSmall = (u, v) => u >= 3 && u <= 5 && v >= 3 && v <= 5;
    const editor = correcting((x, y, z) => onSlice(2, isWide)(x, y, z) || onSlice(6, isSmall)(x, y, z));
    assert.deepEqual(anchorsAround(editor, plane, 3), [2, 6]);
    assert.equal(interpolateBetween({ editor, plane, k: 3, lower: 2, upper: 6 }), 3);
    const [from, to] = [2, 6].map((k) => signedDistance(labelsOf(editor.layer, plane, k), plane.width, plane.height, plane.su, plane.sv));
    for (const k of [3, 4, 5]) {
      const part = (k - 2) / 4;
      const expected = from.map((value, i) => Number((1 - part) * value + part * to[i] > 0));
      assert.deepEqual([...labelsOf(editor.layer, plane, k)], [...expected], `slice ${k}`);
    }
    assert.equal(anchorsAround(editor, plane, 3), null, "what was filled is no gap");
  });

  test(`${name}: slices that were drawn on are the ends, and what lies between is filled anew`, () => {
    const editor = correcting(() => true);
    const brush = { radius: 1, ball: false, erase: true, range: null };
    const volume = { grid: GRID };
    for (const k of [3, 7]) {
      editor.begin({ plane, k });
      stroke({ editor, volume, plane, k, from: [4, 4], to: [4, 4], brush });
      editor.finish();
    }
    assert.deepEqual(anchorsAround(editor, plane, 5), [3, 7]);
    // A stroke in another plane changes a little of all slices: what was drawn on in this plane still counts.
    const across = PLANES.find((other) => other !== plane);
    editor.begin({ plane: across, k: 1 });
    stroke({ editor, volume, plane: across, k: 1, from: [0, 0], to: [across.width, across.height], brush: { ...brush, radius: 40 } });
    editor.finish();
    assert.deepEqual(anchorsAround(editor, plane, 5), [3, 7]);
    editor.undo();
    editor.undo();
    assert.equal(anchorsAround(editor, plane, 5), null);
  });
}

test("a region ends where the CT is not there at full size, and says so", () => {
  const [, sagittal] = PLANES;
  const there = new Int16Array(GRID.sliceLength).fill(300);
  const volume = { grid: GRID, get: (z) => (z < 4 ? there : null) };
  const editor = correcting(() => false);
  assert.deepEqual(growFrom({ editor, volume, plane: sagittal, k: 2, at: [3, 7], tolerance: 50 }), { count: 44, complete: false });
  assert.equal(growFrom({ editor, volume, plane: sagittal, k: 2, at: [3, 2], tolerance: 50 }), null);
  assert.equal(huOf(volume, sagittal, 2).filter(Number.isNaN).length, 5 * 11);
});

test("nothing is changed while a slice of the mask is not there", () => {
  const [axial, sagittal] = PLANES;
  const editor = correcting(() => true);
  const before = editor.layer.stored.get(8);
  editor.layer.stored.delete(8);
  assert.equal(fillHolesOf({ editor, plane: sagittal, k: 2 }), null);
  assert.equal(copySlice({ editor, plane: sagittal, k: 2, from: 3 }), false);
  assert.equal(clearSlice({ editor, plane: sagittal, k: 2 }), false);
  assert.equal(interpolateBetween({ editor, plane: axial, k: 7, lower: 6, upper: 8 }), null);
  editor.layer.stored.set(8, before);
  assert.ok(held(editor).every((value) => value === 1));
});

test("the areas on the slices of each plane are those of its pictures, before and after a stroke", () => {
  const editor = correcting((x, y, z) => x > 3 && x < 9 && y > 2 && z % 3 !== 1);
  const counted = (plane) => Array.from({ length: plane.count }, (_, k) => labelsOf(editor.layer, plane, k).reduce((a, b) => a + b, 0));
  for (const plane of PLANES) assert.deepEqual([...editor.layer.areasOn(plane)], counted(plane));
  clearSlice({ editor, plane: PLANES[1], k: 5 });
  for (const plane of PLANES) assert.deepEqual([...editor.layer.areasOn(plane)], counted(plane));
  editor.undo();
  for (const plane of PLANES) assert.deepEqual([...editor.layer.areasOn(plane)], counted(plane));
});
