// What the correcting tools do to the slices. Each works in the plane of the view in which it is used.
import { interpolate } from "../core/interpolate.js";
import { fillHoles, grow } from "../core/regions.js";
import { capsule, discOfBall, polygon } from "../core/shapes.js";
import { huOf, isThere, labelsOf, paste } from "./pictures.js";

export const MARK = 1;

/**
 * Draw the part of a stroke from `from` to `to`, pixels of `plane`'s slice `k`.
 * @param {{radius: number, ball: boolean, erase: boolean, range: [number, number]|null}} brush radius in mm; only HU
 *   within `range` are drawn
 * @returns {boolean} false when a slice that it needs is not there yet (nothing of that slice is drawn)
 */
export function stroke({ editor, volume, plane, k, from, to, brush }) {
  const paint = painter(editor, volume, brush);
  const reach = brush.ball ? Math.floor(brush.radius / plane.sk) : 0;
  for (let away = -reach; away <= reach; away += 1) {
    const radius = discOfBall(brush.radius, Math.abs(away) * plane.sk);
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
  editor.begin({ plane, k });
  const paint = painter(editor, volume, brush);
  polygon(corners, plane.width, plane.height, (u, v) => paint(...plane.toVoxel(u, v, k)));
  editor.finish();
  return !paint.missing;
}

/** Fill the holes of a slice; returns how many pixels were filled, null when something of the slice is not there. */
export function fillHolesOf({ editor, plane, k }) {
  const picture = labelsOf(editor.layer, plane, k);
  if (!picture) return null;
  const filled = fillHoles(picture, plane.width, plane.height, MARK);
  replace(editor, { plane, k }, [[k, picture]]);
  return filled;
}

/**
 * Mark what is connected with the pixel `at` [u, v] of a slice and alike within `tolerance` HU.
 * @returns {{count: number, complete: boolean}|null} how many pixels, and whether nothing was left out because it is not
 *   there yet; null when the pixel itself is not there
 */
export function growFrom({ editor, volume, plane, k, at: [u, v], tolerance }) {
  const hu = huOf(volume, plane, k);
  const seed = v * plane.width + u;
  if (Number.isNaN(hu[seed])) return null;
  const { found, complete } = grow(hu, seed, plane.width, plane.height, tolerance);
  editor.begin({ plane, k });
  const paint = painter(editor, volume, {});
  for (const i of found) paint(...plane.toVoxel(i % plane.width, Math.floor(i / plane.width), k));
  editor.finish();
  return { count: found.length, complete: complete && !paint.missing };
}

/** Make slice `k` the same as slice `from`; false when something of them is not there. */
export function copySlice({ editor, plane, k, from }) {
  if (![from, k].every((one) => isThere(editor.layer, plane, one))) return false;
  replace(editor, { plane, k }, [[k, labelsOf(editor.layer, plane, from)]]);
  return true;
}

/** Take every mark off a slice; false when something of it is not there. */
export function clearSlice({ editor, plane, k }) {
  if (!isThere(editor.layer, plane, k)) return false;
  replace(editor, { plane, k }, [[k, new Uint8Array(plane.width * plane.height)]]);
  return true;
}

/** Fill the slices between two by their shapes; returns how many, null when something of them is not there. */
export function interpolateBetween({ editor, plane, k, lower, upper }) {
  const { layer } = editor;
  for (let one = lower; one <= upper; one += 1) if (!isThere(layer, plane, one)) return null;
  const [from, to] = [lower, upper].map((one) => labelsOf(layer, plane, one));
  const between = interpolate(from, to, upper - lower - 1, plane);
  replace(
    editor,
    { plane, k, drawn: false },
    between.map((picture, index) => [lower + 1 + index, picture]),
  );
  return between.length;
}

/** One step that gives slices of a plane, [k, picture] each, other labels. */
function replace(editor, at, pictures) {
  editor.begin(at);
  for (const [k, picture] of pictures) paste(editor, at.plane, k, picture);
  editor.finish();
}
