// Work on whole volumes, each against a plain loop over all voxels.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Grid, Plane } from "../src/core/grid.js";
import { connectedPart } from "../src/core/parts.js";
import { boxOf, pieceOf, widened } from "../src/core/pieces.js";
import { reachOf } from "../src/core/balls.js";
import { boxOfPrism, pixelsOn } from "../src/core/cuts.js";
import { polygon } from "../src/core/shapes.js";
import { countLabels, diffRuns, firstOf, lastOf, redoRuns, sameSlice, undoRuns } from "../src/core/runs.js";
import { workOn } from "../src/core/volumework.js";

const SPACINGS = [
  [1, 1, 1],
  [2.5, 0.7, 0.9],
  [0.8, 1.1, 3],
];
const ALL = new Uint8Array(256).fill(1);

function gridOf(width, height, depth, [sz, sy, sx] = [1, 1, 1]) {
  const affine = [sx, 0, 0, 0, 0, sy, 0, 0, 0, 0, sz, 0, 0, 0, 0, 1];
  return new Grid({ shape: [depth, height, width], spacing: [sz, sy, sx], affine, spacing_known: true });
}

/** The same numbers in every run of a test: a linear congruential generator (Numerical Recipes). */
function randomOf(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Slices with lumps of labels 1..3, and some loose voxels; lumps may touch each other and the border. */
function lumps(grid, seed, { labels = 3, loose = 0.01 } = {}) {
  const random = randomOf(seed);
  const { width, height, depth } = grid;
  const slices = Array.from({ length: depth }, () => new Uint8Array(width * height));
  for (let n = 0; n < 3 * labels; n += 1) {
    const [cx, cy, cz] = [random() * width, random() * height, random() * depth];
    const [rx, ry, rz] = [2 + random() * width * 0.2, 2 + random() * height * 0.2, 1 + random() * depth * 0.25];
    const label = 1 + (n % labels);
    slices.forEach((slice, z) => {
      for (let i = 0; i < slice.length; i += 1) {
        const [x, y] = [i % width, Math.floor(i / width)];
        if (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 <= 1) slice[i] = label;
      }
    });
  }
  for (const slice of slices) for (let i = 0; i < slice.length; i += 1) if (random() < loose) slice[i] = 1 + Math.floor(random() * labels);
  return slices;
}

function at(slices, { width, height }, x, y, z) {
  return z < 0 || z >= slices.length || y < 0 || y >= height || x < 0 || x >= width ? null : slices[z][y * width + x];
}

/** What `rule(x, y, z, label)` gives for every voxel. */
function mapped(slices, { width }, rule) {
  return slices.map((slice, z) => slice.map((label, i) => rule(i % width, Math.floor(i / width), z, label)));
}

/** Numbers of the parts of `value` by a flood over voxels, -1 elsewhere, and their sizes. */
function flooded(slices, grid, value) {
  const { width } = grid;
  const numbers = slices.map((slice) => new Int32Array(slice.length).fill(-1));
  const sizes = [];
  const six = [
    [1, 0, 0],
    [-1, 0, 0],
    [0, 1, 0],
    [0, -1, 0],
    [0, 0, 1],
    [0, 0, -1],
  ];
  slices.forEach((slice, z0) => {
    slice.forEach((label, i) => {
      if (label !== value || numbers[z0][i] >= 0) return;
      const stack = [[i % width, Math.floor(i / width), z0]];
      numbers[z0][i] = sizes.length;
      sizes.push(0);
      while (stack.length) {
        const [x, y, z] = stack.pop();
        sizes[sizes.length - 1] += 1;
        for (const [dx, dy, dz] of six) {
          const [u, v, w] = [x + dx, y + dy, z + dz];
          if (at(slices, grid, u, v, w) !== value || numbers[w][v * width + u] >= 0) continue;
          numbers[w][v * width + u] = sizes.length - 1;
          stack.push([u, v, w]);
        }
      }
    });
  });
  return { numbers, sizes };
}

/** Do the work on the box of the label (and `around`), as the reading room does, and give whole slices back. */
function worked(name, slices, grid, options, { around = { y: 0, z: 0 }, box = null } = {}) {
  const zs = [...slices.keys()];
  const cut = widened(box ?? boxOf((z) => slices[z], zs, options.value, grid.width), around, grid);
  const done = workOn(
    name,
    pieceOf((z) => slices[z], cut, grid),
    options,
  );
  const after = slices.map((slice) => slice.slice());
  for (const { z, runs } of done.slices) redoRuns(after[z], runs);
  const back = after.map((slice) => slice.slice());
  for (const { z, runs } of done.slices) undoRuns(back[z], runs);
  assert.deepEqual(back, slices);
  const changed = zs.filter((z) => after[z].some((label, i) => label !== slices[z][i]));
  assert.deepEqual(
    done.slices.map(({ z }) => z),
    changed,
  );
  assert.equal(
    done.voxels,
    zs.reduce((sum, z) => sum + after[z].reduce((count, label, i) => count + Number(label !== slices[z][i]), 0), 0),
  );
  return { after, done };
}

/** Offsets [dx, dy, dz] of voxels whose centres are at most `radius` mm away. */
function ballOf(radius, { sx, sy, sz }) {
  const found = [];
  const reach = (s) => Math.ceil(radius / s);
  for (let dz = -reach(sz); dz <= reach(sz); dz += 1)
    for (let dy = -reach(sy); dy <= reach(sy); dy += 1)
      for (let dx = -reach(sx); dx <= reach(sx); dx += 1)
        if ((dx * sx) ** 2 + (dy * sy) ** 2 + (dz * sz) ** 2 <= radius * radius + 1e-9) found.push([dx, dy, dz]);
  return found;
}

test("a connected part is everything that shares faces with its seed, in 3D", () => {
  const grid = gridOf(23, 17, 11);
  for (const seed of [1, 2, 3]) {
    const slices = lumps(grid, seed, { loose: 0.05 });
    for (const value of [1, 2, 3]) {
      const { numbers, sizes } = flooded(slices, grid, value);
      const box = boxOf((z) => slices[z], [...slices.keys()], value, grid.width);
      const piece = pieceOf((z) => slices[z], box, grid);
      slices.forEach((slice, z) => {
        slice.forEach((label, i) => {
          if (label !== value || i % 5) return;
          const [x, y] = [i % grid.width, Math.floor(i / grid.width)];
          const part = connectedPart(piece, [x, y, z]);
          assert.equal(part.label, value);
          assert.equal(part.voxels, sizes[numbers[z][i]]);
        });
      });
    }
  }
});

test("renaming a region gives its whole part the other label and nothing else", () => {
  const grid = gridOf(23, 17, 11);
  const slices = lumps(grid, 5, { loose: 0.03 });
  const { numbers } = flooded(slices, grid, 2);
  for (const i of [...slices[5].keys()].filter((one) => slices[5][one] === 2).slice(0, 12)) {
    const [x, y] = [i % grid.width, Math.floor(i / grid.width)];
    const { after } = worked("rename", slices, grid, { value: 2, to: 7, seed: [x, y, 5] });
    const number = numbers[5][i];
    assert.deepEqual(
      after,
      slices.map((slice, z) => slice.map((label, j) => (numbers[z][j] === number ? 7 : label))),
    );
  }
});

test("the largest part stays, and parts below a size go", () => {
  const grid = gridOf(31, 22, 9);
  for (const seed of [1, 2, 3, 4]) {
    const slices = lumps(grid, seed, { loose: 0.04 });
    const { numbers, sizes } = flooded(slices, grid, 1);
    const largest = sizes.indexOf(Math.max(...sizes));
    const kept = worked("keep-largest", slices, grid, { value: 1 });
    assert.equal(kept.done.parts, sizes.length - 1);
    assert.deepEqual(
      kept.after,
      slices.map((slice, z) => slice.map((label, i) => (label === 1 && numbers[z][i] !== largest ? 0 : label))),
    );
    for (const voxels of [2, 5, 40]) {
      const removed = worked("remove-small", slices, grid, { value: 1, voxels });
      assert.equal(removed.done.parts, sizes.filter((size) => size < voxels).length);
      assert.deepEqual(
        removed.after,
        slices.map((slice, z) => slice.map((label, i) => (label === 1 && sizes[numbers[z][i]] < voxels ? 0 : label))),
      );
    }
  }
});

test("growing takes what lies within so many mm, and never what it may not overwrite", () => {
  for (const [seed, spacing] of SPACINGS.entries()) {
    const grid = gridOf(21, 18, 10, spacing);
    const slices = lumps(grid, seed + 7);
    for (const radius of [1, 2.5, 4]) {
      for (const locked of [[], [2], [0], [2, 3]]) {
        const free = ALL.slice();
        for (const label of locked) free[label] = 0;
        const { after } = worked("grow", slices, grid, { value: 1, radius, free }, { around: reachOf(radius, grid) });
        const ball = ballOf(radius, grid);
        const expected = mapped(slices, grid, (x, y, z, label) => {
          if (!free[label]) return label;
          return ball.some(([dx, dy, dz]) => at(slices, grid, x + dx, y + dy, z + dz) === 1) ? 1 : label;
        });
        assert.deepEqual(after, expected);
      }
    }
  }
});

test("shrinking loses what has something else within so many mm; the border of the picture is nothing else", () => {
  for (const [seed, spacing] of SPACINGS.entries()) {
    const grid = gridOf(21, 18, 10, spacing);
    const slices = lumps(grid, seed + 11);
    for (const radius of [1, 2.5, 4]) {
      const { after } = worked("shrink", slices, grid, { value: 1, radius }, { around: { y: 1, z: 1 } });
      const ball = ballOf(radius, grid);
      const expected = mapped(slices, grid, (x, y, z, label) => {
        if (label !== 1) return label;
        return ball.some(([dx, dy, dz]) => ![1, null].includes(at(slices, grid, x + dx, y + dy, z + dz))) ? 0 : label;
      });
      assert.deepEqual(after, expected);
    }
  }
});

test("a label that fills the picture is not shrunk by its border", () => {
  const grid = gridOf(6, 5, 4);
  const slices = Array.from({ length: 4 }, () => new Uint8Array(30).fill(1));
  assert.deepEqual(worked("shrink", slices, grid, { value: 1, radius: 3 }).done.slices, []);
});

test("smoothing is the median in a ball of mm, with the last voxels going on beyond the border", () => {
  for (const [seed, spacing] of SPACINGS.entries()) {
    const grid = gridOf(21, 18, 10, spacing);
    const slices = lumps(grid, seed + 17, { loose: 0.03 });
    const clamped = (value, count) => Math.max(0, Math.min(count - 1, value));
    for (const radius of [1, 2, 3.5]) {
      for (const locked of [[], [2]]) {
        const free = ALL.slice();
        for (const label of locked) free[label] = 0;
        const { after } = worked("smooth", slices, grid, { value: 1, radius, free });
        const ball = ballOf(radius, grid);
        const expected = mapped(slices, grid, (x, y, z, label) => {
          const inside = ball.filter(([dx, dy, dz]) => {
            const [u, v, w] = [clamped(x + dx, grid.width), clamped(y + dy, grid.height), clamped(z + dz, grid.depth)];
            return slices[w][v * grid.width + u] === 1;
          }).length;
          if (2 * inside > ball.length) return label !== 1 && free[label] ? 1 : label;
          return label === 1 ? 0 : label;
        });
        assert.deepEqual(after, expected);
      }
    }
  }
});

test("a radius below the spacing changes nothing", () => {
  const grid = gridOf(21, 18, 10, [2, 2, 2]);
  const slices = lumps(grid, 23);
  for (const name of ["grow", "shrink", "smooth"])
    assert.deepEqual(worked(name, slices, grid, { value: 1, radius: 1.9, free: ALL }, { around: { y: 1, z: 1 } }).done.slices, []);
});

test("a line in any view splits the parts under it, along the plane that goes straight into the picture", () => {
  const grid = gridOf(21, 18, 12, [2, 1, 1.5]);
  const slices = lumps(grid, 3);
  for (const [name, a, b, side] of [
    ["sagittal", [2, 3], [15, 8], [8, 0]],
    ["coronal", [2, 8], [19, 4], [8, 11]],
    ["axial", [10, 2], [11, 16], [0, 8]],
  ]) {
    const plane = new Plane(name, grid);
    const k = Math.floor(plane.count / 2);
    const seeds = pixelsOn(a, b).map(([u, v]) => plane.toVoxel(u, v, k));
    for (const value of [1, 2, 3]) {
      const { numbers } = flooded(slices, grid, value);
      const hit = new Set(seeds.map(([x, y, z]) => numbers[z][y * grid.width + x]).filter((number) => number >= 0));
      const { after } = worked("split", slices, grid, { value, to: 9, seeds, a, b, side, plane: name });
      const over = ([u, v]) => (b[0] - a[0]) * (v - a[1]) - (b[1] - a[1]) * (u - a[0]);
      const expected = mapped(slices, grid, (x, y, z, label) =>
        hit.has(numbers[z][y * grid.width + x]) && over(plane.fromVoxel(x, y, z)) * over(side) > 0 ? 9 : label,
      );
      assert.deepEqual(after, expected);
    }
  }
});

test("a polygon in any view erases or relabels through the whole depth, but nothing that is locked", () => {
  const grid = gridOf(21, 18, 12);
  const slices = lumps(grid, 3);
  const corners = [
    [3.2, 1.4],
    [16.7, 2.2],
    [12.1, 10.6],
    [5.5, 9.3],
  ];
  for (const name of ["axial", "sagittal", "coronal"]) {
    const plane = new Plane(name, grid);
    const inside = new Set();
    polygon(corners, plane.width, plane.height, (u, v) => inside.add(`${u},${v}`));
    for (const to of [0, 2]) {
      const free = ALL.slice();
      free[3] = 0;
      const { after } = worked("cut", slices, grid, { corners, to, free, plane: name }, { box: boxOfPrism(corners, plane, grid) });
      const expected = mapped(slices, grid, (x, y, z, label) => {
        const [u, v] = plane.fromVoxel(x, y, z);
        return label && label !== 3 && inside.has(`${u},${v}`) ? to : label;
      });
      assert.deepEqual(after, expected);
    }
  }
});

test("a label that is nowhere has no box", () => {
  const grid = gridOf(5, 4, 3);
  const slices = lumps(grid, 1, { labels: 1 });
  assert.equal(
    boxOf((z) => slices[z], [0, 1, 2], 9, 5),
    null,
  );
});

test("slices are compared and searched as by plain loops, wherever they lie in memory", () => {
  const random = randomOf(4);
  for (let round = 0; round < 400; round += 1) {
    const [offset, length] = [Math.floor(random() * 5), Math.floor(random() * 40)];
    const make = () => new Uint8Array(new ArrayBuffer(64), offset, length);
    const [first, second] = [make(), make()];
    for (const slice of [first, second]) slice.set(Array.from(slice, () => (random() < 0.15 ? 1 + Math.floor(random() * 3) : 0)));
    if (random() < 0.3) second.set(first);
    assert.equal(sameSlice(first, second), first.join() === second.join());
    for (const value of [0, 1, 2, 3]) {
      assert.equal(firstOf(first, value), [...first].indexOf(value));
      assert.equal(lastOf(first, value), [...first].lastIndexOf(value));
    }
    const counts = countLabels(first);
    for (const value of [0, 1, 2, 3]) assert.equal(counts[value], first.filter((label) => label === value).length);
    const changed = first.slice();
    redoRuns(changed, diffRuns(first, second));
    assert.deepEqual([...changed], [...second]);
    undoRuns(changed, diffRuns(first, second));
    assert.deepEqual([...changed], [...first]);
  }
});
