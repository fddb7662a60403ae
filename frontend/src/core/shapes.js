// Shapes that tools draw: which pixels a stroke or a polygon covers.

/**
 * Pixels (u, v) whose centre lies within `radius` mm of the segment from `a` to `b`, both in pixels: a stroke's part
 * between two pointer positions, however fast the hand was.
 * @param {(u: number, v: number) => void} visit
 */
export function capsule({ a, b, radius, su, sv, width, height }, visit) {
  const [au, av, bu, bv] = [a[0] * su, a[1] * sv, b[0] * su, b[1] * sv];
  const first = { u: Math.min(au, bu) - radius, v: Math.min(av, bv) - radius };
  const last = { u: Math.max(au, bu) + radius, v: Math.max(av, bv) + radius };
  const limit = radius * radius + 1e-9;
  for (let v = Math.max(0, Math.ceil(first.v / sv)); v <= Math.min(height - 1, last.v / sv); v += 1) {
    for (let u = Math.max(0, Math.ceil(first.u / su)); u <= Math.min(width - 1, last.u / su); u += 1) {
      if (distance2(u * su, v * sv, au, av, bu, bv) <= limit) visit(u, v);
    }
  }
}

/** Squared distance of a point from a segment. */
function distance2(u, v, au, av, bu, bv) {
  const [du, dv] = [bu - au, bv - av];
  const length2 = du * du + dv * dv;
  const part = length2 ? Math.max(0, Math.min(1, ((u - au) * du + (v - av) * dv) / length2)) : 0;
  return (u - au - part * du) ** 2 + (v - av - part * dv) ** 2;
}

/** Radius in mm of the disc that a ball of `radius` mm cuts out of a plane `away` mm from its centre; null: none. */
export function discOfBall(radius, away) {
  return away > radius + 1e-9 ? null : Math.sqrt(Math.max(0, radius * radius - away * away));
}

/**
 * Pixels whose centre lies inside a polygon (even-odd rule); corners [u, v] in pixels.
 * @param {(u: number, v: number) => void} visit
 */
export function polygon(corners, width, height, visit) {
  const rows = corners.map(([, v]) => v);
  const top = Math.max(0, Math.ceil(Math.min(...rows)));
  const bottom = Math.min(height - 1, Math.floor(Math.max(...rows)));
  for (let v = top; v <= bottom; v += 1) {
    const cuts = crossings(corners, v);
    for (let i = 0; i + 1 < cuts.length; i += 2) {
      const end = Math.min(width - 1, Math.floor(cuts[i + 1]));
      for (let u = Math.max(0, Math.ceil(cuts[i])); u <= end; u += 1) visit(u, v);
    }
  }
}

function crossings(corners, v) {
  const cuts = [];
  corners.forEach(([u1, v1], index) => {
    const [u2, v2] = corners[(index + 1) % corners.length];
    if (v1 <= v !== v2 <= v) cuts.push(u1 + ((v - v1) / (v2 - v1)) * (u2 - u1));
  });
  return cuts.sort((one, other) => one - other);
}
