// What the correcting tools do to the slices. Each works in the plane of the view in which it is used.
// What they write and may overwrite is told by the structures of the mask (core/structures.js).
import { interpolate } from "../core/interpolate.js";
import { fillHoles, grow } from "../core/regions.js";
import { capsule, discOfBall, polygon } from "../core/shapes.js";
import { withoutProtected } from "../core/structures.js";
import { huOf, isThere, labelsOf, paste } from "./pictures.js";

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
  const { structures } = editor.layer;
  const { value, open } = erase ? structures.erasing() : structures.drawing();
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
    if (open[here.labels[i]]) here.labels[i] = value;
  };
  paint.missing = false;
  return paint;
}

/** Mark (or erase) everything inside a polygon with corners [u, v], as far as it may be overwritten. */
export function fillPolygon({ editor, volume, plane, k, corners, brush }) {
  editor.begin({ plane, k, value: editor.layer.structures.active });
  const paint = painter(editor, volume, brush);
  polygon(corners, plane.width, plane.height, (u, v) => paint(...plane.toVoxel(u, v, k)));
  editor.finish();
  return !paint.missing;
}

/**
 * Fill the holes of the active structure on a slice: with background inside, or with the one structure that may be overwritten.
 * @returns {number|null} how many pixels were filled, null when something of the slice is not there
 */
export function fillHolesOf({ editor, plane, k }) {
  const picture = labelsOf(editor.layer, plane, k);
  if (!picture) return null;
  const { structures } = editor.layer;
  const { value, open } = structures.drawing();
  const fills = (label) => open[label] === 1 && (label === 0 || label === structures.over);
  const filled = fillHoles(picture, plane.width, plane.height, value, fills);
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
  editor.begin({ plane, k, value: editor.layer.structures.active });
  const paint = painter(editor, volume, {});
  for (const i of found) paint(...plane.toVoxel(i % plane.width, Math.floor(i / plane.width), k));
  editor.finish();
  return { count: found.length, complete: complete && !paint.missing };
}

/** Make slice `k` the same as slice `from`, as far as it may change; false when something of them is not there. */
export function copySlice({ editor, plane, k, from }) {
  if (![from, k].every((one) => isThere(editor.layer, plane, one))) return false;
  replace(editor, { plane, k }, [[k, changed(editor.layer, plane, k, labelsOf(editor.layer, plane, from))]]);
  return true;
}

/** Take every mark off a slice that may be erased; false when something of it is not there. */
export function clearSlice({ editor, plane, k }) {
  if (!isThere(editor.layer, plane, k)) return false;
  replace(editor, { plane, k }, [[k, changed(editor.layer, plane, k, new Uint8Array(plane.width * plane.height))]]);
  return true;
}

/** `wanted` without what it would change of structures that are locked or hidden. */
function changed(layer, plane, k, wanted) {
  return withoutProtected(labelsOf(layer, plane, k), wanted, layer.structures.protectedLabels());
}

/** Fill the slices between two by the shapes of the active structure; returns how many, null when something is not there. */
export function interpolateBetween({ editor, plane, k, lower, upper }) {
  const { layer } = editor;
  for (let one = lower; one <= upper; one += 1) if (!isThere(layer, plane, one)) return null;
  const drawing = layer.structures.drawing();
  const [from, to] = [lower, upper].map((one) => labelsOf(layer, plane, one).map((label) => Number(label === drawing.value)));
  const shapes = interpolate(from, to, upper - lower - 1, plane);
  replace(
    editor,
    { plane, k, drawn: false },
    shapes.map((shape, index) => [lower + 1 + index, reshaped(labelsOf(layer, plane, lower + 1 + index), shape, drawing)]),
  );
  return shapes.length;
}

/** `labels` in which the structure that is drawn has the given shape, as far as others give way. */
function reshaped(labels, shape, { value, open }) {
  return labels.map((label, i) => {
    if (shape[i]) return open[label] ? value : label;
    return label === value ? 0 : label;
  });
}

/** One step that gives slices of a plane, [k, picture] each, other labels. */
function replace(editor, at, pictures) {
  editor.begin(at);
  for (const [k, picture] of pictures) paste(editor, at.plane, k, picture);
  editor.finish();
}
