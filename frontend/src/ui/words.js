// What the reader is told about a place and a mask, in words.
import { number } from "../../../static/js/format.js";
import { gettext, interpolate } from "../../../static/js/i18n.js";
import { side } from "../core/grid.js";

/** "120 HU · x 12, y 30, z 4 · L 12.3 P 40.1 S 300.0 mm" for a voxel. */
export function wordsAt({ volume, grid }, [x, y, z]) {
  const hu = volume.at(x, y, z);
  const words = [hu === null ? "…" : `${number(hu)} HU`, `x ${x}, y ${y}, z ${z}`];
  if (grid.spacingKnown) {
    const place = grid.toLps(x, y, z).map((value, axis) => `${side(axis, value)} ${number(Math.abs(value), 1)}`);
    words.push(`${place.join("  ")} mm`);
  }
  return words.join("  ·  ");
}

/** The area of the mask on the shown slice. */
export function areaWords({ editor, voxel, grid, reading }) {
  const area = editor.layer.areas[voxel[2]];
  const pixels = interpolate(gettext("%(n)s px"), { n: number(area) });
  return grid.spacingKnown ? `${number(area * reading.series.pixel_area_mm2)} mm² (${pixels})` : pixels;
}

export function volumeWords({ editor, grid, reading }) {
  const voxels = editor.layer.areas.reduce((sum, area) => sum + area, 0);
  if (!grid.spacingKnown) return interpolate(gettext("%(n)s voxels"), { n: number(voxels) });
  return `${number((voxels * reading.series.voxel_volume_mm3) / 1000, 2)} ml`;
}

/** A time of the server as this person writes it. */
export function localTime(text) {
  return new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" }).format(new Date(text));
}
