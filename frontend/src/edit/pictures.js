// A slice of any plane as one picture, and back: only the axial slices that a changed picture touches are written.

/** The labels of slice `k` of `plane`, a copy; null while a slice of the mask is not there. */
export function labelsOf(layer, plane, k) {
  const out = new Uint8Array(plane.width * plane.height);
  return layer.cut(plane, k, out) ? out : null;
}

/** Whether every axial slice of the mask that slice `k` of `plane` goes through is there. */
export function isThere(layer, plane, k) {
  return plane.pieces(k).every(({ z }) => layer.slice(z));
}

/** HU of slice `k` of `plane`; NaN where an axial slice is not there at full size: nothing is guessed from half a size. */
export function huOf(volume, plane, k) {
  const out = new Float32Array(plane.width * plane.height).fill(NaN);
  for (const { z, from, count, start, step } of plane.pieces(k)) {
    const slice = volume.get(z);
    if (slice) for (let i = 0; i < count; i += 1) out[from + i] = slice[start + i * step];
  }
  return out;
}

/** Write `picture` into slice `k` of `plane`, inside an open step of the editor. */
export function paste(editor, plane, k, picture) {
  for (const piece of plane.pieces(k)) {
    const slice = editor.layer.slice(piece.z);
    if (slice && differs(slice, piece, picture)) write(editor.slice(piece.z), piece, picture);
  }
}

function differs(slice, { from, count, start, step }, picture) {
  for (let i = 0; i < count; i += 1) if (slice[start + i * step] !== picture[from + i]) return true;
  return false;
}

function write(slice, { from, count, start, step }, picture) {
  for (let i = 0; i < count; i += 1) slice[start + i * step] = picture[from + i];
}
