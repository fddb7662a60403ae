// To the next slice where two masks differ, or of which the model was not sure.
import { gettext } from "../../../static/js/i18n.js";
import { doubtfulSlices, nextWhere } from "../core/jump.js";
import { namesAlike } from "../data/layer.js";
import { sameMarks, sameSlice } from "../core/runs.js";

/** @param {import("../reader.js").Reader} reader */
export async function goToDisagreement(reader, direction) {
  const [a, b] = [reader.other, reader.editor.layer];
  if (!a || !b) return reader.say(gettext("There is no other mask to compare with."));
  const found = await nextWhere(reader.voxel[2], direction, reader.grid.depth, (z) => disagree(reader, a, b, z));
  return found === null ? reader.say(gettext("The two masks are identical on every slice.")) : reader.goTo(found);
}

async function disagree(reader, a, b, z) {
  if (a.areas[z] !== b.areas[z]) return true;
  if (!a.areas[z]) return false;
  await reader.ensure([a, b], z);
  return a.structures.slug === b.structures.slug ? !sameSlice(a.slice(z), b.slice(z)) : !sameMarks(a.slice(z), b.slice(z));
}

export async function goToDoubt(reader, direction) {
  const confidence = confidenceOf(reader);
  if (!confidence.length) return reader.say(gettext("No confidence values for this mask."));
  const doubtful = new Set(doubtfulSlices(confidence));
  const found = await nextWhere(reader.voxel[2], direction, reader.grid.depth, (z) => doubtful.has(z));
  return found === null ? reader.say(gettext("No low-confidence slices.")) : reader.goTo(found);
}

/** Of the mask that is corrected, else of the nearest earlier one that a model made; by slice, empty when there is none. */
export function confidenceOf({ editor, layers }) {
  const byId = new Map(layers.map((layer) => [layer.id, layer.facts]));
  let facts = editor.layer.facts;
  while (facts && !facts.confidence?.length) facts = byId.get(facts.parent);
  return facts?.confidence ?? [];
}

/** For the strip: slices where the compared masks differ, as far as their areas tell. */
export function differingSlices({ comparing, other, editor }) {
  if (!comparing.isOn || !other) return [];
  const { layer } = editor;
  const named = namesAlike(layer, other) ? layer.structures.list.map(({ value }) => [layer.areasOf(value), other.areasOf(value)]) : [];
  const pairs = [[layer.areas, other.areas], ...named];
  return layer.areas.flatMap((_, z) => (pairs.every(([one, two]) => (one[z] ?? 0) === (two[z] ?? 0)) ? [] : [z]));
}
