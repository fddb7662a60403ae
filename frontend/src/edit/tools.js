// What the correcting tools do to the slices. Each works in the plane of the view in which it is used.
import { interpolate } from "../core/interpolate.js";
import { fillHoles, grow } from "../core/regions.js";
import { capsule, discOfBall, polygon } from "../core/shapes.js";

export const MARK = 1;

/**
 * Draw the part of a stroke from `from` to `to`, pixels of `plane`'s slice `k`.
 * @param {{radius: number, ball: boolean, erase: boolean, range: [number, number]|null}} brush radius in mm; only HU
 *   within `range` are drawn
 * @returns {boolean} false when a slice that it needs is not there yet (nothing of that slice is drawn)
 */
export function stroke({ editor, volume, plane, k, from, to, brush }) {
  const paint = painter(editor, volume, brush);
  const step = { axial: plane.grid.sz, sagittal: plane.grid.sx, coronal: plane.grid.sy }[plane.name];
  const reach = brush.ball ? Math.floor(brush.radius / step) : 0;
  for (let away = -reach; away <= reach; away += 1) {
    const radius = discOfBall(brush.radius, Math.abs(away) * step);
    if (radius === null || k + away < 0 || k + away >= plane.count) continue;
    const shape = { a: from, b: to, radius, su: plane.su, sv: plane.sv, width: plane.width, height: plane.height };
    capsule(shape, (u, v) => paint(...plane.toVoxel(u, v, k + away)));
  }
  return !paint.missing;
}

/** A function that writes one voxel, asking for each slice once. */
function painter(editor, volume, { erase = false, range = null }) {
  const slices = new Map();
  const { width } = volume.grid;
  const value = erase ? 0 : MARK;
  const paint = (x, y, z) => {
    let here = slices.get(z);
    if (here === undefined) {
      const hu = range ? volume.get(z) : true;
      const labels = hu ? editor.slice(z) : null;
      here = labels && { labels, hu };
      if (!here) paint.missing = true;
      slices.set(z, here);
    }
    if (!here) return;
    const i = y * width + x;
    if (range && (here.hu[i] < range[0] || here.hu[i] > range[1])) return;
    here.labels[i] = value;
  };
  paint.missing = false;
  return paint;
}

/** Mark (or erase) everything inside a polygon with corners [u, v]. */
export function fillPolygon({ editor, volume, plane, k, corners, brush }) {
  editor.begin();
  const paint = painter(editor, volume, brush);
  polygon(corners, plane.width, plane.height, (u, v) => paint(...plane.toVoxel(u, v, k)));
  editor.finish();
  return !paint.missing;
}

/** Fill the holes of axial slice `z`; returns how many pixels were filled, null when the slice is not there. */
export function fillHolesOf({ editor, grid, z }) {
  editor.begin();
  const labels = editor.slice(z);
  const filled = labels ? fillHoles(labels, grid.width, grid.height, MARK) : null;
  editor.finish();
  return filled;
}

/** Mark what is connected with voxel (x, y) of axial slice `z` and alike within `tolerance` HU; returns how many. */
export function growFrom({ editor, volume, x, y, z, tolerance, erase }) {
  const hu = volume.get(z);
  if (!hu) return null;
  const { width, height } = volume.grid;
  editor.begin();
  const labels = editor.slice(z);
  const found = labels ? grow(hu, y * width + x, width, height, tolerance) : null;
  for (const i of found ?? []) labels[i] = erase ? 0 : MARK;
  editor.finish();
  return found?.length ?? null;
}

/** Make slice `z` the same as slice `from`; false when one of them is not there. */
export function copySlice({ editor, layer, from, z }) {
  const source = layer.slice(from);
  editor.begin();
  const labels = source && editor.slice(z);
  if (labels) labels.set(source);
  editor.finish();
  return Boolean(labels);
}

export function clearSlice({ editor, z }) {
  editor.begin();
  editor.slice(z)?.fill(0);
  editor.finish();
}

/**
 * Between which slices `z` is to be interpolated: the nearest below and above that were changed by hand, else the
 * nearest with any mark around a gap. Null when there is nothing to fill.
 */
export function anchorsAround(layer, z) {
  const changed = layer.changed().filter((one) => layer.areas[one] > 0);
  return gapBetween(changed, z, () => true) ?? gapBetween(marked(layer), z, (one) => !layer.areas[one]);
}

function marked(layer) {
  return layer.areas.flatMap((area, z) => (area ? [z] : []));
}

function gapBetween(anchors, z, fillable) {
  const lower = anchors.findLast((one) => one <= z);
  if (lower === undefined) return null;
  const upper = anchors.find((one) => one > Math.max(z, lower));
  if (upper === undefined || upper - lower < 2 || !fillable(lower + 1)) return null;
  return [lower, upper];
}

/** Fill the slices between two by their shapes; returns how many, null when one is not there. */
export function interpolateBetween({ editor, layer, grid, lower, upper }) {
  const [from, to] = [layer.slice(lower), layer.slice(upper)];
  if (!from || !to) return null;
  const shape = { width: grid.width, height: grid.height, su: grid.sx, sv: grid.sy };
  editor.begin();
  interpolate(from, to, upper - lower - 1, shape).forEach((mask, index) => editor.slice(lower + 1 + index)?.set(mask));
  editor.finish();
  return upper - lower - 1;
}
