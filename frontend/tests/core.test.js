import assert from "node:assert/strict";
import { test } from "node:test";

import { deflate, fromBase64, inflate, splitSlices, toBase64 } from "../src/core/codec.js";
import { Grid, Plane, invert } from "../src/core/grid.js";
import { interpolate, signedDistance } from "../src/core/interpolate.js";
import { doubtfulSlices, nextWhere } from "../src/core/jump.js";
import { layoutFor } from "../src/core/layout.js";
import { angle, cobb, heightRatio, regionStatistics, sameSense } from "../src/core/measure.js";
import { fillHoles, grow, middleOf } from "../src/core/regions.js";
import { mentionAt } from "../src/core/mention.js";
import { diffRuns, redoRuns, sameSlice, undoRuns } from "../src/core/runs.js";
import { joined } from "../src/core/said.js";
import { capsule, discOfBall, polygon } from "../src/core/shapes.js";

import { scaleLength } from "../src/view/marks.js";

const W = 40;
const H = 30;
const disc = (cx, cy, r) =>
  Uint8Array.from({ length: W * H }, (_, i) => Number(((i % W) - cx) ** 2 + (Math.floor(i / W) - cy) ** 2 <= r * r));
const area = (mask) => mask.reduce((sum, value) => sum + (value ? 1 : 0), 0);
const close = (a, b, by = 1e-9) => assert.ok(Math.abs(a - b) <= by, `${a} is not ${b}`);

test("a single slice is shown axially, and no plane alone that would be a bar", () => {
  const grid = { depth: 200, height: 512, width: 512, sx: 0.7, sy: 0.7, sz: 1.5 };
  for (const name of ["three", "axial", "sagittal", "coronal"]) {
    assert.equal(layoutFor(grid, name), name);
    assert.equal(layoutFor({ ...grid, depth: 1 }, name), "axial");
  }
  assert.equal(layoutFor({ ...grid, depth: 5 }, "sagittal"), "three");
  assert.equal(layoutFor({ ...grid, depth: 5 }, "coronal"), "three");
  assert.equal(layoutFor({ ...grid, depth: 5 }, "axial"), "axial");
});

test("a slice survives the wire byte by byte", async () => {
  const slice = disc(20, 15, 9);
  assert.deepEqual(await inflate(fromBase64(toBase64(await deflate(slice)))), slice);
  const large = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 251);
  assert.deepEqual(await inflate(await deflate(large)), large);
});

test("an answer of several slices is split, and a torn one is refused", () => {
  const bytes = Uint8Array.from([2, 0, 0, 0, 7, 8, 1, 0, 0, 0, 9]);
  assert.deepEqual(
    splitSlices(bytes.buffer).map((part) => [...part]),
    [[7, 8], [9]],
  );
  assert.throws(() => splitSlices(bytes.slice(0, 10).buffer), RangeError);
});

test("runs lead from one slice to the other and back", () => {
  const [before, after] = [disc(15, 12, 8), disc(19, 14, 6)];
  const runs = diffRuns(before, after);
  const slice = before.slice();
  redoRuns(slice, runs);
  assert.ok(sameSlice(slice, after));
  undoRuns(slice, runs);
  assert.ok(sameSlice(slice, before));
  assert.equal(diffRuns(before, before).length, 0);
});

test("a stroke covers every pixel within its radius of the path, in mm", () => {
  const found = new Set();
  capsule({ a: [10, 10], b: [20, 10], radius: 2, su: 1, sv: 0.5, width: W, height: H }, (u, v) => found.add(`${u},${v}`));
  assert.ok(found.has("8,10") && found.has("22,10") && found.has("15,14") && found.has("15,6"));
  assert.ok(!found.has("7,10") && !found.has("15,15") && !found.has("9,14"));
});

test("a stroke at the border stays inside the slice", () => {
  capsule({ a: [-5, 0], b: [W + 5, 0], radius: 3, su: 1, sv: 1, width: W, height: H }, (u, v) => {
    assert.ok(u >= 0 && v >= 0 && u < W && v < H);
  });
});

test("a ball cuts discs that get smaller away from its centre", () => {
  assert.equal(discOfBall(5, 3), 4);
  assert.equal(discOfBall(5, 5), 0);
  assert.equal(discOfBall(5, 5.1), null);
});

test("a polygon holds the pixels whose centres lie in it", () => {
  const mask = new Uint8Array(W * H);
  polygon(
    [
      [1.5, 1.5],
      [5.5, 1.5],
      [5.5, 4.5],
      [1.5, 4.5],
    ],
    W,
    H,
    (u, v) => {
      mask[v * W + u] += 1;
    },
  );
  assert.equal(area(mask), 4 * 3);
  assert.ok(mask.every((value) => value <= 1));
});

test("holes are filled, bays are not", () => {
  const ring = disc(20, 15, 10).map((value, i) => (value && !disc(20, 15, 5)[i] ? 1 : 0));
  const open = ring.slice();
  for (let x = 20; x < W; x += 1) open[15 * W + x] = 0;
  assert.equal(fillHoles(ring, W, H), area(disc(20, 15, 5)));
  assert.deepEqual(ring, disc(20, 15, 10));
  assert.equal(fillHoles(open, W, H), 0);
});

test("a region grows over what is alike and connected", () => {
  const bone = disc(12, 15, 6);
  const other = disc(30, 15, 4);
  const hu = Int16Array.from(bone, (value, i) => (value || other[i] ? 700 : -50));
  const grown = grow(hu, 15 * W + 12, W, H, 100);
  assert.deepEqual([grown.found.length, grown.complete], [area(bone), true]);
});

test("the signed distance of a disc is its radius minus the distance from its centre", () => {
  const field = signedDistance(disc(20, 15, 9), W, H, 1, 1);
  close(field[15 * W + 20], 9.5, 0.5);
  close(field[15 * W + 35], -6, 0.8);
  const wide = signedDistance(disc(20, 15, 9), W, H, 2, 1);
  close(wide[15 * W + 35], -12, 1);
});

test("the slice half way between two discs is the disc half way", () => {
  const [half] = interpolate(disc(17, 15, 6), disc(21, 15, 10), 1, { width: W, height: H, su: 1, sv: 1 });
  const expected = disc(19, 15, 8);
  let [both, sum] = [0, area(half) + area(expected)];
  half.forEach((value, i) => {
    if (value && expected[i]) both += 1;
  });
  assert.ok((2 * both) / sum > 0.9, `Dice ${(2 * both) / sum}`);
  assert.equal(interpolate(disc(14, 15, 6), disc(14, 15, 6), 3, { width: W, height: H, su: 1, sv: 1 }).length, 3);
  for (const same of interpolate(disc(14, 15, 6), disc(14, 15, 6), 3, { width: W, height: H, su: 1, sv: 1 })) {
    assert.deepEqual(same, disc(14, 15, 6));
  }
});

test("angles are those of the drawn lines", () => {
  close(
    angle([
      [1, 0, 0],
      [0, 0, 0],
      [0, 2, 0],
    ]),
    90,
  );
  const tilted = (degrees) => [Math.cos((degrees * Math.PI) / 180), 0, Math.sin((degrees * Math.PI) / 180)];
  close(cobb([[0, 0, 0], tilted(20), [0, 0, 50], [tilted(-25)[0], 0, 50 + tilted(-25)[2]]]), 45);
});

test("a Cobb angle does not depend on the direction in which its lines were drawn", () => {
  const point = (u, lps) => ({ u, lps });
  const lines = [point(9, [9, 0, 3]), point(0, [0, 0, 0]), point(0, [0, 0, 50]), point(9, [9, 0, 48])];
  const turned = sameSense(lines);
  assert.deepEqual(
    turned.map(({ u }) => u),
    [0, 9, 0, 9],
  );
});

test("a wedge has a height ratio below one", () => {
  const wedge = heightRatio([
    [0, 0, 15],
    [0, 0, 0],
    [0, 20, 20],
    [0, 20, 0],
  ]);
  assert.deepEqual(wedge, { anterior_mm: 15, posterior_mm: 20, ratio: 0.75 });
});

test("a region knows its mean, spread and area", () => {
  const facts = { kind: "rectangle", from: [2, 2], to: [4, 3], width: W, height: H, pixelArea: 0.25 };
  const found = regionStatistics(facts, (u) => u);
  assert.deepEqual([found.mean_hu, found.min_hu, found.max_hu, found.area_mm2], [3, 2, 4, 1.5]);
  close(found.sd_hu, Math.sqrt(4 / 5));
  const round = regionStatistics({ ...facts, kind: "ellipse", from: [0, 0], to: [20, 20], pixelArea: 1 }, () => 1);
  close(round.area_mm2, Math.PI * 100, 12);
});

test("an oblique grid leads to LPS and back", () => {
  const affine = [0.5, 0.1, 0, -100, -0.1, 0.6, 0.2, 40, 0, -0.2, 2.9, -700, 0, 0, 0, 1];
  const grid = new Grid({ shape: [5, 6, 7], spacing: [3, 0.6, 0.5], affine, spacing_known: true });
  grid.toVoxel(grid.toLps(3, 4, 2)).forEach((value, i) => close(value, [3, 4, 2][i], 1e-9));
  invert(invert(affine)).forEach((value, i) => close(value, affine[i], 1e-9));
  for (const name of ["axial", "sagittal", "coronal"]) {
    const plane = new Plane(name, grid);
    assert.deepEqual(plane.toVoxel(...plane.fromVoxel(3, 4, 2)), [3, 4, 2]);
    assert.ok(plane.count > 0 && plane.width > 0);
  }
});

test("the next wanted slice is looked for all round, the present one last", async () => {
  const among =
    (...zs) =>
    (z) =>
      zs.includes(z);
  assert.equal(await nextWhere(5, 1, 10, among(2, 7)), 7);
  assert.equal(await nextWhere(7, 1, 10, among(2, 7)), 2);
  assert.equal(await nextWhere(2, -1, 10, among(2, 7)), 7);
  assert.equal(await nextWhere(7, 1, 10, among(7)), 7);
  assert.equal(await nextWhere(7, 1, 10, async () => false), null);
});

test("doubtful are the slices of which the network expects little, and the least sure tenth", () => {
  const sure = Array.from({ length: 20 }, (_, z) => 0.981 + z / 1000);
  assert.deepEqual(doubtfulSlices(sure), []);
  assert.deepEqual(doubtfulSlices(sure.with(4, 0.96).with(9, 0.95).with(11, 0.965)), [4, 9, 11]);
  assert.deepEqual(doubtfulSlices(sure.map((_, z) => 0.9 + z / 1000)), [0, 1, 2]);
  assert.deepEqual(doubtfulSlices([0.99, 0.5, 0.9, 0.899]), [1, 3]);
  assert.deepEqual(doubtfulSlices([]), []);
});

test("the middle of a mask is the mean of its pixels", () => {
  assert.deepEqual(middleOf(disc(12, 17, 5), W), [12, 17]);
  assert.equal(middleOf(new Uint8Array(W * H), W), null);
  assert.equal(middleOf(null, W), null);
});

test("the scale bar is the longest round length within a fifth of the view", () => {
  assert.equal(scaleLength(2, 1000), 100);
  assert.equal(scaleLength(2, 999), 50);
  assert.equal(scaleLength(300, 1000), null);
});

test("a mention is what is typed after an @ up to the caret, in any script", () => {
  assert.deepEqual(mentionAt("@", 1), { start: 0, words: "" });
  assert.deepEqual(mentionAt("See this, @anna.b", 17), { start: 10, words: "anna.b" });
  assert.deepEqual(mentionAt("(@an|) @bo", 4), { start: 1, words: "an" });
  assert.deepEqual(mentionAt("\n@김영", 4), { start: 1, words: "김영" });
  for (const none of ["mail@clinic", "@anna b", "@@", "김@b", ""]) assert.equal(mentionAt(none, none.length), null, none);
});

test("comments that come twice are listed once, newest first", () => {
  const said = (id, second) => ({ id, created_at: `2026-01-01T10:00:0${second}Z` });
  const own = { id: "b", created_at: "2026-01-01T19:00:02.500000+09:00" };
  assert.deepEqual(
    joined([own, said("a", 1)], [said("c", 3), own, said("a", 1)]).map(({ id }) => id),
    ["c", "b", "a"],
  );
});
