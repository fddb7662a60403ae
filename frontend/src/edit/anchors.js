// Between which slices of a plane is to be interpolated.

/**
 * Around slice `k` of `plane`: the nearest below and above on which the active structure was changed, else those that a tool
 * drew on in this plane (a stroke in another plane changes a little of very many), else the nearest with the structure around
 * a gap. Null when there is nothing to fill. Every slice of the mask must be there unless the plane is axial.
 * @returns {[number, number] | null}
 */
export function anchorsAround(editor, plane, k) {
  const value = editor.layer.structures.active;
  const marked = markedSlices(editor.layer, plane, value);
  const isMarked = new Set(marked);
  const kept = (ks) => ks.filter((one) => isMarked.has(one));
  return (
    gapBetween(kept(changedSlices(editor.layer, plane, value)), k, () => true) ??
    gapBetween(kept(editor.drawnOn(plane, value)), k, () => true) ??
    gapBetween(marked, k, (one) => !isMarked.has(one))
  );
}

function markedSlices(layer, plane, value) {
  const zs = [...layer.areasOf(value)].flatMap((area, z) => (area ? [z] : []));
  if (plane.name === "axial") return zs;
  return slicesWhere(
    plane,
    zs,
    value,
    (z) => layer.slice(z),
    () => layer.nothing,
  );
}

function changedSlices(layer, plane, value) {
  return slicesWhere(
    plane,
    layer.changed(),
    value,
    (z) => layer.slice(z),
    (z) => layer.base(z) ?? layer.nothing, // not there yet under a draft that came back
  );
}

/** Numbers of the slices of `plane` on which `value` lies elsewhere in `labels` than in `others`, of axial slices `zs`. */
function slicesWhere(plane, zs, value, labels, others) {
  const { width } = plane.grid;
  const found = new Uint8Array(plane.count);
  const numberOf = { axial: (_, z) => z, sagittal: (i) => i % width, coronal: (i) => Math.floor(i / width) }[plane.name];
  for (const z of zs) {
    const [these, those] = [labels(z), others(z)];
    for (let i = 0; i < these.length; i += 1) if ((these[i] === value) !== (those[i] === value)) found[numberOf(i, z)] = 1;
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
