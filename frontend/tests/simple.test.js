// What the simple viewer adds: reading order, difference of two masks, slices without a browser's own inflating.
import assert from "node:assert/strict";
import { test } from "node:test";

import { readingOrder } from "../src/core/order.js";
import { dice, overlap } from "../src/core/overlap.js";
import { Layer } from "../src/data/layer.js";
import { letterOf } from "../src/ui/keys.js";
import { DIFFERENCE, grey, greyTable, paintDifference, paintGrey } from "../src/view/paint.js";

test("slices are read two ahead for each one behind, and none twice", () => {
  assert.deepEqual(readingOrder(5, 1, 20, 7), [5, 6, 7, 4, 8, 9, 3]);
  assert.deepEqual(readingOrder(5, -1, 20, 4), [5, 4, 3, 6]);
  const all = readingOrder(2, 1, 9, 9);
  assert.deepEqual(
    [...all].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  );
});

test("what two masks have in common and not is counted, and two empty ones have no Dice", () => {
  const [a, b] = [Uint8Array.from([1, 1, 0, 0, 1]), Uint8Array.from([1, 0, 1, 0, 1])];
  assert.deepEqual(overlap(a, b), { agreed: 2, onlyA: 1, onlyB: 1, relabelled: 0 });
  assert.equal(dice(overlap(a, b)), 4 / 6);
  assert.equal(dice(overlap(new Uint8Array(3), new Uint8Array(3))), null);
});

test("a window ends at black and white", () => {
  const window = { center: 40, width: 400 };
  assert.equal(grey(-2000, window), 0);
  assert.equal(grey(3000, window), 255);
  assert.ok(Math.abs(grey(40, window) - 127.8) < 0.5);
});

const packed = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** Two masks of 12x12: a square of 8, and the same square four columns on. */
function painted(outline) {
  const [width, height, length] = [12, 12, 144];
  const square = (from) => Uint8Array.from({ length }, (_, i) => Number(i % 12 >= from && i % 12 < from + 8 && i >= 24 && i < 120));
  const out = new Uint32Array(length);
  paintGrey(out, new Int16Array(length).fill(-1000), greyTable({ center: 400, width: 1800 }));
  paintDifference(out, [square(0), square(4)], { width, height, opacity: 1, outline }, new Uint8Array(length));
  return out;
}

test("the difference of two masks has three colours", () => {
  const pixels = painted(false);
  const [agreed, onlyA, onlyB] = [DIFFERENCE.agreed, DIFFERENCE.onlyA, DIFFERENCE.onlyB].map(packed);
  assert.deepEqual(
    [60, 63, 64, 67, 68, 71].map((i) => pixels[i]),
    [onlyA, onlyA, agreed, agreed, onlyB, onlyB],
  );
  assert.equal(pixels[0], packed([0, 0, 0]));
});

test("the outline of a difference leaves what lies inside of it free", () => {
  const [full, outline] = [painted(false), painted(true)];
  const black = packed([0, 0, 0]);
  const count = (pixels) => pixels.filter((value) => value !== black).length;
  assert.deepEqual([count(full), count(outline)], [96, 3 * (4 * 8 - 2 * 6)]);
  for (const [i, value] of outline.entries()) if (value !== black) assert.equal(value, full[i]);
});

test("saved slices far away are given back, near ones and unsaved changes stay", () => {
  const facts = { id: "m", areas_px: [1, 1, 1, 1, 1], slices: "/masks/m/slices" };
  const layer = new Layer(facts, { sliceLength: 4, width: 2, height: 2, depth: 5 }, { colour: [1, 2, 3] });
  for (let z = 0; z < 5; z += 1) layer.source.keep(z, new Uint8Array(4).fill(1));
  layer.writable(4)[0] = 0;
  layer.forgetFar(1, 1);
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((z) => layer.source.has(z)),
    [true, true, true, false, false],
  );
  assert.deepEqual([...layer.slice(4)], [0, 1, 1, 1]);
});

test("a key is known by its letter or, on another keyboard, by its place", () => {
  assert.equal(letterOf({ key: "O", code: "KeyO" }), "o");
  assert.equal(letterOf({ key: "ㅐ", code: "KeyO" }), "o");
  assert.equal(letterOf({ key: "Process", code: "KeyL" }), "l");
  assert.equal(letterOf({ key: "ArrowUp", code: "ArrowUp" }), "ArrowUp");
});

test("without the browser's own inflating each slice is asked for alone and taken as it comes", async () => {
  const before = { DecompressionStream: globalThis.DecompressionStream, fetch: globalThis.fetch };
  try {
    delete globalThis.DecompressionStream;
    const asked = [];
    globalThis.fetch = async (address) => {
      asked.push(address);
      return new Response(Uint8Array.from([1, 0, 255, 255]).buffer);
    };
    const { Loader, Source } = await import("../src/data/loader.js?alone");
    const kept = new Map();
    const source = new Source({
      url: "/api/v1/series/s/slices",
      type: Int16Array,
      length: 2,
      depth: 3,
      has: (z) => kept.has(z),
      keep: (z, values) => kept.set(z, [...values]),
    });
    const done = new Promise((resolve) => {
      const loader = new Loader(() => kept.size === 3 && resolve());
      loader.want(
        [1, 2, 0].map((z) => ({ source, z })),
        1,
      );
    });
    await done;
    assert.deepEqual(
      asked.sort(),
      [0, 1, 2].map((z) => `/api/v1/series/s/slices/${z}/`),
    );
    assert.deepEqual(kept.get(2), [1, -1]);
  } finally {
    Object.assign(globalThis, before);
  }
});
