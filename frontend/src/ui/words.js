// What the reader is told about a place and a mask, in words.
import { number } from "../../../static/js/format.js";
import { gettext, interpolate } from "../../../static/js/i18n.js";
import { side } from "../core/grid.js";
import { isThere } from "../edit/pictures.js";

/**
 * "120 HU · x 13, y 31, z 5 · L 12.3 P 40.1 S 300.0 mm · L1 vertebra" for a voxel; columns, rows and slices count from 1. A
 * structure is named where the mask has several.
 */
export function wordsAt({ volume, grid, editor }, [x, y, z]) {
  const hu = volume.at(x, y, z);
  const words = [hu === null ? "…" : `${number(hu)} HU`, `x ${x + 1}, y ${y + 1}, z ${z + 1}`];
  if (grid.spacingKnown) {
    const place = grid.toLps(x, y, z).map((value, axis) => `${side(axis, value)} ${number(Math.abs(value), 1)}`);
    words.push(`${place.join("  ")} mm`);
  }
  const structure = structureAt(editor.layer, y * grid.width + x, z);
  if (structure) words.push(structure.name);
  return words.join("  ·  ");
}

function structureAt(layer, i, z) {
  if (!layer || layer.structures.isSingle) return null;
  const one = layer.structures.of(layer.slice(z)?.[i]);
  return one?.visible ? one : null;
}

/** `pixels` of a picture of `plane` as an area. */
export function areaOf({ grid, su, sv }, pixels) {
  const words = interpolate(gettext("%(n)s px"), { n: number(pixels) });
  return grid.spacingKnown ? `${number(pixels * su * sv)} mm² (${words})` : words;
}

/** The area of the mask on the slice that is shown of the plane in use. */
export function areaWords({ editor, voxel, active: { plane } }) {
  const k = voxel[plane.axis];
  if (!isThere(editor.layer, plane, k) && plane.name !== "axial") return "…";
  return areaOf(plane, editor.layer.areasOn(plane)[k]);
}

export function volumeWords({ editor, grid, reading }) {
  const voxels = editor.layer.areas.reduce((sum, area) => sum + area, 0);
  if (!grid.spacingKnown) return interpolate(gettext("%(n)s voxels"), { n: number(voxels) });
  return `${number((voxels * reading.series.voxel_volume_mm3) / 1000, 2)} ml`;
}

/** @param {{center: number, width: number}} window */
export function windowWords({ center, width }) {
  return interpolate(gettext("C %(center)s W %(width)s"), { center: number(center), width: number(width) });
}

export function sliceWords(k, count) {
  return interpolate(gettext("Slice %(n)s of %(of)s"), { n: k + 1, of: count });
}

/** Why a slice is not there; `session` is what to do when nobody is logged in any more. */
export function problemWords({ kind }, { session, imageIsThere }) {
  const words = {
    session,
    gone: gettext("This image no longer exists, or you no longer have access to it."),
    damaged: gettext("This slice arrived damaged."),
  };
  if (words[kind]) return words[kind];
  if (imageIsThere) return gettext("The mask of this slice could not be loaded.");
  return gettext("This slice could not be loaded. Check the network.");
}

/** A time of the server as this person writes it. */
export function localTime(text) {
  return new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" }).format(new Date(text));
}
