// Where a voxel lies, and how the three planes cut the grid.
//
// Voxel indices are (x, y, z) of the canonical grid: x towards the patient's left, y towards the back, z towards the
// head. The affine (row-major 4x4) leads from them to LPS mm.

export class Grid {
  /** @param {{shape: number[], spacing: number[], affine: number[], spacing_known: boolean}} facts shape, spacing: z, y, x */
  constructor(facts) {
    [this.depth, this.height, this.width] = facts.shape;
    [this.sz, this.sy, this.sx] = facts.spacing;
    this.affine = facts.affine;
    this.inverse = invert(facts.affine);
    this.spacingKnown = facts.spacing_known;
    this.sliceLength = this.width * this.height;
  }

  /** LPS mm of a voxel index, which may lie between voxels. */
  toLps(x, y, z) {
    return apply(this.affine, x, y, z);
  }

  /** Voxel index of a point in LPS mm. */
  toVoxel(lps) {
    return apply(this.inverse, ...lps);
  }

  inside(x, y, z) {
    return x >= 0 && y >= 0 && z >= 0 && x < this.width && y < this.height && z < this.depth;
  }
}

function apply(m, x, y, z) {
  return [0, 4, 8].map((row) => m[row] * x + m[row + 1] * y + m[row + 2] * z + m[row + 3]);
}

/** Inverse of an affine 4x4 (last row 0 0 0 1), by cofactors of its 3x3 part. */
export function invert(m) {
  const [a, b, c, p, d, e, f, q, g, h, i, r] = m;
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  // biome-ignore format: rows of a matrix
  const n = [
    e * i - f * h, c * h - b * i, b * f - c * e,
    f * g - d * i, a * i - c * g, c * d - a * f,
    d * h - e * g, b * g - a * h, a * e - b * d,
  ].map((value) => value / det);
  const moved = [0, 3, 6].map((row) => -(n[row] * p + n[row + 1] * q + n[row + 2] * r));
  return [n[0], n[1], n[2], moved[0], n[3], n[4], n[5], moved[1], n[6], n[7], n[8], moved[2], 0, 0, 0, 1];
}

/**
 * A family of parallel planes: (u, v) are columns and rows of its picture, k the number of the slice, which runs along
 * `axis` of a voxel (x, y, z); su, sv and sk are the spacings in mm.
 * Sagittal and coronal pictures have the head on top; sagittal ones look from the left, the front on the left side.
 */
export class Plane {
  constructor(name, grid) {
    const last = grid.depth - 1;
    const kinds = {
      axial: { axis: 2, width: grid.width, height: grid.height, count: grid.depth, su: grid.sx, sv: grid.sy, sk: grid.sz },
      sagittal: { axis: 0, width: grid.height, height: grid.depth, count: grid.width, su: grid.sy, sv: grid.sz, sk: grid.sx },
      coronal: { axis: 1, width: grid.width, height: grid.depth, count: grid.height, su: grid.sx, sv: grid.sz, sk: grid.sy },
    };
    Object.assign(this, kinds[name], { name, grid });
    this.toVoxel = {
      axial: (u, v, k) => [u, v, k],
      sagittal: (u, v, k) => [k, u, last - v],
      coronal: (u, v, k) => [u, k, last - v],
    }[name];
    this.fromVoxel = {
      axial: (x, y, z) => [x, y, z],
      sagittal: (x, y, z) => [y, last - z, x],
      coronal: (x, y, z) => [x, last - z, y],
    }[name];
  }

  /**
   * How the picture of slice `k` lies in the axial slices: its pixel `from + i` is voxel `start + i * step` of slice `z`,
   * for `i` below `count`.
   */
  pieces(k) {
    const { width, height, grid } = this;
    if (this.name === "axial") return [{ z: k, from: 0, count: width * height, start: 0, step: 1 }];
    const line = this.name === "sagittal" ? { start: k, step: grid.width } : { start: k * grid.width, step: 1 };
    return Array.from({ length: height }, (_, v) => ({ z: height - 1 - v, from: v * width, count: width, ...line }));
  }

  /** Letters of the patient's sides at the left, right, top and bottom of the unturned picture. */
  letters() {
    return { axial: ["R", "L", "A", "P"], sagittal: ["A", "P", "S", "I"], coronal: ["R", "L", "S", "I"] }[this.name];
  }
}

const SIDES = [
  ["R", "L"],
  ["A", "P"],
  ["I", "S"],
];

/** "L 12.3" for the x, y or z part of a point in LPS mm: the letter of the side and the distance. */
export function side(axis, value) {
  return SIDES[axis][value < 0 ? 0 : 1];
}
