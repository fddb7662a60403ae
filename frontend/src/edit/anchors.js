// Between which slices of a plane is to be interpolated.

/**
 * Around slice `k` of `plane`: the nearest below and above that were changed, else those that a tool drew on in this
 * plane (a stroke in another plane changes a little of very many), else the nearest with any mark around a gap. Null
 * when there is nothing to fill. Every slice of the mask must be there unless the plane is axial.
 * @returns {[number, number] | null}
 */
export function anchorsAround(editor, plane, k) {
  const marked = markedSlices(editor.layer, plane);
  const isMarked = new Set(marked);
  const kept = (ks) => ks.filter((one) => isMarked.has(one));
  return (
    gapBetween(kept(changedSlices(editor.layer, plane)), k, () => true) ??
    gapBetween(kept(editor.drawnOn(plane)), k, () => true) ??
    gapBetween(marked, k, (one) => !isMarked.has(one))
  );
}

function markedSlices(layer, plane) {
  const zs = layer.areas.flatMap((area, z) => (area ? [z] : []));
  return plane.name === "axial"
    ? zs
    : slicesWhere(
        plane,
        zs,
        (z) => layer.slice(z),
        () => layer.nothing,
      );
}

function changedSlices(layer, plane) {
  const zs = layer.changed();
  return plane.name === "axial"
    ? zs
    : slicesWhere(
        plane,
        zs,
        (z) => layer.slice(z),
        (z) => layer.base(z),
      );
}

/** Numbers of the slices of `plane` in which `labels` differ from `others` on axial `zs`. */
function slicesWhere(plane, zs, labels, others) {
  const { width } = plane.grid;
  const found = new Uint8Array(plane.count);
  const numberOf = plane.name === "sagittal" ? (i) => i % width : (i) => Math.floor(i / width);
  for (const z of zs) {
    const [these, those] = [labels(z), others(z)];
    for (let i = 0; i < these.length; i += 1) if (these[i] !== those[i]) found[numberOf(i)] = 1;
  }
  return [...found.keys()].filter((k) => found[k]);
}

function gapBetween(anchors, k, fillable) {
  const lower = anchors.findLast((one) => one <= k);
  if (lower === undefined) return null;
  const upper = anchors.find((one) => one > Math.max(k, lower));
  if (upper === undefined || upper - lower < 2 || !fillable(lower + 1)) return null;
  return [lower, upper];
}
