// From HU and masks to the colours of one picture.
import { OUTLINED, UNSEEN, paintOf } from "../core/structures.js";

const VALUES = 65_536;

/** Grey 0..255 of `hu` in a window: DICOM PS3.3 C.11.2.1.2.1 (linear, exact ends). */
export function grey(hu, { center, width }) {
  const low = center - 0.5 - (width - 1) / 2;
  return Math.max(0, Math.min(255, ((hu - low) / Math.max(1, width - 1)) * 255));
}

/** Packed little-endian RGBA of every int16 value in a window, index `hu & 0xffff`. */
export function greyTable({ center, width, invert }, table = new Uint32Array(VALUES)) {
  for (let i = 0; i < VALUES; i += 1) {
    const level = Math.round(grey(i < VALUES / 2 ? i : i - VALUES, { center, width }));
    const shown = invert ? 255 - level : level;
    table[i] = ((255 << 24) | (shown << 16) | (shown << 8) | shown) >>> 0;
  }
  return table;
}

/** @param {Uint32Array} out over ImageData's bytes */
export function paintGrey(out, hu, table) {
  for (let i = 0; i < hu.length; i += 1) out[i] = table[hu[i] & 0xffff];
}

/**
 * Lay the colours of labels over the picture.
 * @param {Uint8Array} labels @param {object} paint tables by label, see core/structures.js `paintOf`
 */
export function paintLabels(out, labels, { width, height }, { how, keep, red, green, blue }) {
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      const label = labels[i];
      const shown = how[label];
      if (shown === UNSEEN || (shown === OUTLINED && isInner(labels, i, x, y, width, height))) continue;
      const under = out[i];
      const rest = keep[label];
      const low = ((under & 255) * rest + red[label]) | 0;
      const middle = (((under >> 8) & 255) * rest + green[label]) | 0;
      const high = (((under >> 16) & 255) * rest + blue[label]) | 0;
      out[i] = ((255 << 24) | (high << 16) | (middle << 8) | low) >>> 0;
    }
  }
}

/** Whether the four neighbours of a pixel have its label. */
function isInner(labels, i, x, y, width, height) {
  const label = labels[i];
  return (
    x > 0 &&
    x < width - 1 &&
    y > 0 &&
    y < height - 1 &&
    labels[i - 1] === label &&
    labels[i + 1] === label &&
    labels[i - width] === label &&
    labels[i + width] === label
  );
}

/**
 * As in the pictures that are downloaded (spineml/volumes/render.py): told apart with every kind of colour vision.
 * `relabelled`: marked in both, as another structure.
 */
export const DIFFERENCE = { agreed: [60, 200, 120], onlyA: [60, 110, 240], onlyB: [213, 94, 0], relabelled: [240, 228, 66] };
const KINDS = [null, ...Object.values(DIFFERENCE)];
const [AGREED, ONLY_A, ONLY_B, RELABELLED] = [1, 2, 3, 4];

/**
 * Where two masks agree, where only one of them is, and where they name it differently.
 * @param {boolean} named whether a label of one is the same structure in the other; else only marked or not counts
 * @param {Uint8Array} kinds scratch
 */
export function paintDifference(out, [first, second], { width, height, opacity, outline = false, named = false }, kinds) {
  for (let i = 0; i < kinds.length; i += 1) {
    const [a, b] = [first[i], second[i]];
    if (!a) kinds[i] = b ? ONLY_B : 0;
    else if (!b) kinds[i] = ONLY_A;
    else kinds[i] = named && a !== b ? RELABELLED : AGREED;
  }
  const paint = paintOf((kind) => KINDS[kind] && { colour: KINDS[kind], opacity, outline });
  paintLabels(out, kinds, { width, height }, paint);
}
