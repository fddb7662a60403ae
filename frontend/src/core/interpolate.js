// Slices between two drawn ones, by their shapes: the signed distance to the border goes linearly from one to the other
// (Raya & Udupa, IEEE Trans Med Imaging 1990;9:32-42).

const FAR = 1e12;

/**
 * Squared Euclidean distance of every pixel to the nearest marked one, in mm2 (Felzenszwalb & Huttenlocher, Theory of
 * Computing 2012;8:415-428): one pass over the columns, one over the rows.
 */
export function distance2To(marked, width, height, su, sv) {
  const field = new Float64Array(width * height);
  for (let i = 0; i < field.length; i += 1) field[i] = marked(i) ? 0 : FAR;
  const column = new Float64Array(Math.max(width, height));
  for (let x = 0; x < width; x += 1) pass(field, x, width, height, sv, column);
  for (let y = 0; y < height; y += 1) pass(field, y * width, 1, width, su, column);
  return field;
}

/** One line of the transform: the lower envelope of parabolas with their feet at the line's values. */
function pass(field, start, step, count, spacing, line) {
  const feet = new Int32Array(count);
  const edges = new Float64Array(count + 1);
  for (let i = 0; i < count; i += 1) line[i] = field[start + i * step];
  let last = 0;
  edges[0] = -Infinity;
  edges[1] = Infinity;
  const meet = (p, q) => (line[q] + (q * spacing) ** 2 - (line[p] + (p * spacing) ** 2)) / (2 * spacing * (q - p));
  for (let q = 1; q < count; q += 1) {
    let at = meet(feet[last], q);
    while (at <= edges[last]) {
      last -= 1;
      at = meet(feet[last], q);
    }
    last += 1;
    feet[last] = q;
    edges[last] = at;
    edges[last + 1] = Infinity;
  }
  for (let i = 0, k = 0; i < count; i += 1) {
    while (edges[k + 1] < i * spacing) k += 1;
    field[start + i * step] = ((i - feet[k]) * spacing) ** 2 + line[feet[k]];
  }
}

/** Signed distance to the border in mm: positive inside. */
export function signedDistance(mask, width, height, su, sv) {
  const outside = distance2To((i) => mask[i] !== 0, width, height, su, sv);
  const inside = distance2To((i) => mask[i] === 0, width, height, su, sv);
  const out = new Float32Array(mask.length);
  for (let i = 0; i < out.length; i += 1) out[i] = Math.sqrt(inside[i]) - Math.sqrt(outside[i]);
  return out;
}

/**
 * The masks between `lower` and `upper`, nearest to `lower` first.
 * @param {number} between how many slices lie between the two
 */
export function interpolate(lower, upper, between, { width, height, su, sv }) {
  const from = signedDistance(lower, width, height, su, sv);
  const to = signedDistance(upper, width, height, su, sv);
  return Array.from({ length: between }, (_, index) => {
    const part = (index + 1) / (between + 1);
    const mask = new Uint8Array(lower.length);
    for (let i = 0; i < mask.length; i += 1) if ((1 - part) * from[i] + part * to[i] > 0) mask[i] = 1;
    return mask;
  });
}
