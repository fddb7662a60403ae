// From HU and masks to the colours of one picture.

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

/** Lay a colour over every marked pixel. */
export function blend(out, marks, [red, green, blue], opacity) {
  const keep = 1 - opacity;
  const [r, g, b] = [red * opacity, green * opacity, blue * opacity];
  for (let i = 0; i < marks.length; i += 1) {
    if (!marks[i]) continue;
    const under = out[i];
    const low = ((under & 255) * keep + r) | 0;
    const middle = (((under >> 8) & 255) * keep + g) | 0;
    const high = (((under >> 16) & 255) * keep + b) | 0;
    out[i] = ((255 << 24) | (high << 16) | (middle << 8) | low) >>> 0;
  }
}

/** Only the pixels of `marks` beside one that is not marked. */
export function edgesOf(marks, width, height, out) {
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      const inner =
        marks[i] &&
        x > 0 &&
        x < width - 1 &&
        y > 0 &&
        y < height - 1 &&
        marks[i - 1] &&
        marks[i + 1] &&
        marks[i - width] &&
        marks[i + width];
      out[i] = marks[i] && !inner ? 1 : 0;
    }
  }
  return out;
}

/** As in the pictures that are downloaded (spineml/volumes/render.py): told apart with every kind of colour vision. */
export const DIFFERENCE = { agreed: [60, 200, 120], onlyA: [60, 110, 240], onlyB: [213, 94, 0] };

/** Where two masks agree and where only one of them is, as three sets of marks painted one after the other. */
export function paintDifference(out, [first, second], { width, height, opacity, outline = false }, [scratch, edges]) {
  const kinds = [
    [DIFFERENCE.agreed, (a, b) => a && b],
    [DIFFERENCE.onlyA, (a, b) => a && !b],
    [DIFFERENCE.onlyB, (a, b) => !a && b],
  ];
  for (const [colour, belongs] of kinds) {
    for (let i = 0; i < scratch.length; i += 1) scratch[i] = belongs(first[i], second[i]) ? 1 : 0;
    blend(out, outline ? edgesOf(scratch, width, height, edges) : scratch, colour, outline ? 1 : opacity);
  }
}
