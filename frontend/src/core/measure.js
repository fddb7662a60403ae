// What is measured from points (LPS mm) and from the HU inside a region. The server computes lengths and angles again
// from the points when they are saved (spineml/masks/measurements.py).

const minus = (a, b) => a.map((value, i) => value - b[i]);
const norm = (a) => Math.hypot(...a);

export function length(a, b) {
  return norm(minus(b, a));
}

/** Angle between two directions in degrees, 0 to 180; NaN when one has no length. */
export function between(a, b) {
  const cosine = a.reduce((sum, value, i) => sum + value * b[i], 0) / (norm(a) * norm(b));
  return (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI;
}

export function angle([first, corner, last]) {
  return between(minus(first, corner), minus(last, corner));
}

/** Cobb angle of two lines; each line's points must run in the same sense, see `sameSense`. */
export function cobb([a, b, c, d]) {
  return between(minus(b, a), minus(d, c));
}

/** The four points of a Cobb angle with both lines running from left to right in the picture; [u, v] beside each. */
export function sameSense(points) {
  return [0, 2].flatMap((start) => {
    const line = points.slice(start, start + 2);
    return line[0].u <= line[1].u ? line : [line[1], line[0]];
  });
}

/** Anterior and posterior height in mm and their ratio. */
export function heightRatio([frontTop, frontBottom, backTop, backBottom]) {
  const [anterior, posterior] = [length(frontTop, frontBottom), length(backTop, backBottom)];
  return { anterior_mm: anterior, posterior_mm: posterior, ratio: anterior / posterior };
}

/**
 * HU of the pixels inside a rectangle or the ellipse in it, given by two opposite corners in pixels (inclusive).
 * @param {(u: number, v: number) => number} huAt @returns mean, standard deviation (of a sample), min, max, area
 */
export function regionStatistics({ kind, from, to, width, height, pixelArea }, huAt) {
  const [u0, u1] = [Math.min(from[0], to[0]), Math.max(from[0], to[0])];
  const [v0, v1] = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
  const [cu, cv, ru, rv] = [(u0 + u1) / 2, (v0 + v1) / 2, (u1 - u0) / 2 || 0.5, (v1 - v0) / 2 || 0.5];
  let [n, mean, m2, min, max] = [0, 0, 0, Infinity, -Infinity];
  for (let v = Math.max(0, Math.ceil(v0)); v <= Math.min(height - 1, v1); v += 1) {
    for (let u = Math.max(0, Math.ceil(u0)); u <= Math.min(width - 1, u1); u += 1) {
      if (kind === "ellipse" && ((u - cu) / ru) ** 2 + ((v - cv) / rv) ** 2 > 1 + 1e-9) continue;
      const hu = huAt(u, v);
      n += 1;
      const delta = hu - mean;
      mean += delta / n;
      m2 += delta * (hu - mean);
      min = Math.min(min, hu);
      max = Math.max(max, hu);
    }
  }
  if (!n) return null;
  return { mean_hu: mean, sd_hu: n > 1 ? Math.sqrt(m2 / (n - 1)) : 0, min_hu: min, max_hu: max, area_mm2: n * pixelArea };
}
