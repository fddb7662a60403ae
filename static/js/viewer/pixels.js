// From HU and labels to the colours on the screen, in one pass over the pixels.
//
// A look-up table holds the finished colour of every int16 value, once for each class a pixel can have (nothing,
// mask, agreed, ...), so opacity and window cost nothing while scrolling.

const VALUES = 65_536;

/** Classes of a pixel. With one mask: 0 or 1. Comparing: 1 only the reference, 2 only the prediction, 3 both. */
export const CLASSES = 4;

/** The same as in the pictures that are downloaded (spineml/volumes/render.py): told apart with every kind of colour vision. */
export const COLOURS = {
  mask: [213, 94, 0],
  agreed: [60, 200, 120],
  extra: [213, 94, 0],
  missed: [60, 110, 240],
};

/** Grey 0..255 of `hu` in a window: DICOM PS3.3 C.11.2.1.2.1 (linear, exact ends). */
export function grey(hu, { center, width }) {
  const low = center - 0.5 - (width - 1) / 2;
  return Math.max(0, Math.min(255, ((hu - low) / Math.max(1, width - 1)) * 255));
}

/** Packed little-endian RGBA for every int16 value, index `hu & 0xffff`. */
export function buildTable(window, colour, opacity, table = new Uint32Array(VALUES)) {
  const keep = colour ? 1 - opacity : 1;
  const [red, green, blue] = (colour ?? [0, 0, 0]).map((value) => (colour ? value * opacity : 0));
  for (let index = 0; index < VALUES; index += 1) {
    const level = grey(index < 32_768 ? index : index - VALUES, window) * keep;
    table[index] = ((255 << 24) | ((level + blue) << 16) | ((level + green) << 8) | (level + red)) >>> 0;
  }
  return table;
}

/** Paint `hu` without labels. `out` is a Uint32Array over ImageData's bytes. */
export function paintPlain(out, hu, table) {
  for (let i = 0; i < hu.length; i += 1) out[i] = table[hu[i] & 0xffff];
}

/** Paint with one class for each pixel; `classes` holds 0..3. */
export function paintClasses(out, hu, classes, tables) {
  for (let i = 0; i < hu.length; i += 1) out[i] = tables[classes[i]][hu[i] & 0xffff];
}

/** 1 where there is any label. */
export function classesOfMask(mask, out) {
  for (let i = 0; i < mask.length; i += 1) out[i] = mask[i] ? 1 : 0;
  return out;
}

/** 1 only in `reference`, 2 only in `predicted`, 3 in both. */
export function classesOfPair(reference, predicted, out) {
  for (let i = 0; i < reference.length; i += 1) out[i] = (reference[i] ? 1 : 0) | (predicted[i] ? 2 : 0);
  return out;
}

/** Keep only the pixels at the border of their class, so that the picture under the mask stays free. */
export function outline(classes, width, height, out) {
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      const own = classes[i];
      const edge =
        own !== 0 &&
        (x === 0 || classes[i - 1] !== own || x === width - 1 || classes[i + 1] !== own ||
          y === 0 || classes[i - width] !== own || y === height - 1 || classes[i + width] !== own);
      out[i] = edge ? own : 0;
    }
  }
  return out;
}

/** How many pixels have each class. */
export function countClasses(classes) {
  const counts = new Array(CLASSES).fill(0);
  for (let i = 0; i < classes.length; i += 1) counts[classes[i]] += 1;
  return counts;
}
