// The CT in memory, slice by slice. What does not fit is kept at half size, enough for the sagittal and coronal views.
import { Source } from "./loader.js";

const MOST_BYTES = 512 * 1024 * 1024;

export class Volume {
  constructor(grid, url, { mostBytes = MOST_BYTES } = {}) {
    this.grid = grid;
    this.mostBytes = mostBytes;
    this.slices = new Map();
    this.reduced = new Map();
    this.centre = 0;
    this.source = new Source({
      url,
      type: Int16Array,
      length: grid.sliceLength,
      depth: grid.depth,
      has: (z) => this.slices.has(z) || (this.reduced.has(z) && !this.isNear(z)),
      keep: (z, hu) => this.keep(z, hu),
    });
  }

  get(z) {
    return this.slices.get(z) ?? null;
  }

  /** How many slices can be held at full size. */
  get room() {
    return Math.max(3, Math.floor(this.mostBytes / (2 * this.grid.sliceLength)));
  }

  /** Within reach of the shown slice, and so wanted at full size. */
  isNear(z) {
    return 2 * Math.abs(z - this.centre) < this.room;
  }

  keep(z, hu) {
    this.slices.set(z, hu);
    this.reduced.delete(z);
    if (this.slices.size <= this.room) return;
    const far = [...this.slices.keys()].reduce((a, b) => (Math.abs(b - this.centre) > Math.abs(a - this.centre) ? b : a));
    this.reduced.set(far, halved(this.slices.get(far), this.grid));
    this.slices.delete(far);
  }

  /** HU of one voxel, or null while its slice is not there. */
  at(x, y, z) {
    return this.slices.get(z)?.[y * this.grid.width + x] ?? null;
  }

  /** Write slice `k` of `plane` into `out` (its picture, row by row); `empty` where nothing is there yet. */
  cut(plane, k, out, empty) {
    if (plane.name === "axial") return cutAxial(this.get(k), out, empty);
    const { depth } = this.grid;
    let complete = true;
    for (let v = 0; v < depth; v += 1) {
      const row = out.subarray(v * plane.width, (v + 1) * plane.width);
      complete = this.cutRow(plane, k, depth - 1 - v, row, empty) && complete;
    }
    return complete;
  }

  cutRow(plane, k, z, row, empty) {
    const { width, height } = this.grid;
    const full = this.slices.get(z);
    if (full) {
      copyRow(plane, k, full, width, row);
      return true;
    }
    const small = this.reduced.get(z);
    if (!small) {
      row.fill(empty);
      return false;
    }
    const [half, halfRow] = [Math.ceil(width / 2), k >> 1];
    if (plane.name === "coronal") for (let u = 0; u < width; u += 1) row[u] = small[halfRow * half + (u >> 1)];
    else for (let u = 0; u < height; u += 1) row[u] = small[(u >> 1) * half + halfRow];
    return true;
  }
}

function cutAxial(slice, out, empty) {
  if (slice) out.set(slice);
  else out.fill(empty);
  return Boolean(slice);
}

/** One row of a sagittal or coronal picture: a column or row of an axial slice. */
export function copyRow(plane, k, slice, width, row) {
  if (plane.name === "coronal") row.set(slice.subarray(k * width, (k + 1) * width));
  else for (let u = 0, i = k; u < row.length; u += 1, i += width) row[u] = slice[i];
}

function halved(hu, { width, height }) {
  const half = Math.ceil(width / 2);
  const out = new Int16Array(half * Math.ceil(height / 2));
  for (let y = 0; y < height; y += 2) for (let x = 0; x < width; x += 2) out[(y >> 1) * half + (x >> 1)] = hu[y * width + x];
  return out;
}
