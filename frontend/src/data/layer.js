// A mask on the screen: the slices of a saved mask, and over them those that were changed here and are not saved yet.
import { countLabels, countLines, sameSlice } from "../core/runs.js";
import { Structures } from "../core/structures.js";
import { Source } from "./loader.js";
import { copyRow } from "./volume.js";

export class Layer {
  /**
   * @param {object} facts see cases/viewer/selectors.py `mask_facts`; null id: nothing is saved yet
   * @param {Structures} structures what its labels mean; the masks of one task share them
   */
  constructor(facts, grid, look, structures = new Structures()) {
    Object.assign(this, { facts, grid, structures, outline: false, opacity: 0.45, visible: false, ...look });
    this.nothing = new Uint8Array(grid.sliceLength);
    this.areas = [...facts.areas_px];
    this.byLabel = areasByLabel(facts, grid.depth);
    this.stored = new Map();
    this.edits = new Map();
    this.lines = new Map();
    this.along = {};
    this.source = facts.id && this.sourceOf(facts);
  }

  sourceOf(facts) {
    return new Source({
      url: facts.slices,
      type: Uint8Array,
      length: this.grid.sliceLength,
      depth: this.grid.depth,
      has: (z) => this.stored.has(z) || !facts.areas_px[z],
      keep: (z, labels) => {
        this.stored.set(z, labels);
        this.along = {};
      },
    });
  }

  get id() {
    return this.facts.id;
  }

  /** Give back the memory of saved slices that are more than `reach` away from slice `z`. */
  forgetFar(z, reach) {
    for (const at of [...this.stored.keys()]) if (Math.abs(at - z) > reach) this.stored.delete(at);
  }

  /** The saved labels of slice `z`: null while they are not there. A slice without any mark is never fetched. */
  base(z) {
    return this.stored.get(z) ?? (this.facts.areas_px[z] ? null : this.nothing);
  }

  /** What is shown and worked on: the changed labels, else the saved ones. Never write into it. */
  slice(z) {
    return this.edits.get(z) ?? this.base(z);
  }

  /** The labels of slice `z` to write into; null while they are not there. */
  writable(z) {
    if (!this.edits.has(z)) {
      const base = this.base(z);
      if (!base) return null;
      this.edits.set(z, base.slice());
    }
    return this.edits.get(z);
  }

  /** A mask that is drawn from nothing has the labels of another task from now on. @param {Structures} structures */
  becomeOf(structures) {
    this.structures = structures;
    this.facts.task = structures.slug;
  }

  recount(z) {
    const slice = this.slice(z);
    if (slice) this.count(z, countLabels(slice));
    else this.countAsSaved(z);
    this.lines.delete(z);
    this.along = {};
  }

  count(z, counts) {
    this.areas[z] = this.grid.sliceLength - counts[0];
    for (let value = 1; value < counts.length; value += 1) {
      if (counts[value] && !this.byLabel.has(value)) this.byLabel.set(value, new Array(this.grid.depth).fill(0));
      if (this.byLabel.has(value)) this.byLabel.get(value)[z] = counts[value];
    }
  }

  countAsSaved(z) {
    this.areas[z] = this.facts.areas_px[z];
    const saved = areasByLabel(this.facts, this.grid.depth);
    for (const [value, areas] of this.byLabel) areas[z] = saved.get(value)?.[z] ?? 0;
  }

  /** Marked pixels on every slice of `plane`; in other planes than the axial one of the axial slices that are there. */
  areasOn(plane) {
    return plane.name === "axial" ? this.areas : this.countedOn(plane).all;
  }

  /** The same of each structure: an array for each label that is or was there. @returns {Map<number, number[]>} */
  labelAreasOn(plane) {
    return plane.name === "axial" ? this.byLabel : this.countedOn(plane).byLabel;
  }

  /** Pixels of one structure on every axial slice. */
  areasOf(value) {
    return this.structures.isSingle ? this.areas : (this.byLabel.get(value) ?? []);
  }

  countedOn(plane) {
    this.along[plane.name] ??= this.countAlong(plane);
    return this.along[plane.name];
  }

  countAlong(plane) {
    const found = { all: new Array(plane.count).fill(0), byLabel: new Map() };
    for (let z = 0; z < this.grid.depth; z += 1) {
      if (this.slice(z) === null || !this.areas[z]) continue;
      if (!this.lines.has(z)) this.lines.set(z, countLines(this.slice(z), this.grid.width));
      for (const [value, lines] of this.lines.get(z)) addLines(found, value, plane.name === "sagittal" ? lines.columns : lines.rows);
    }
    return found;
  }

  isChanged(z) {
    if (!this.edits.has(z)) return false;
    const base = this.base(z); // not there yet under a draft that came back
    return !base || !sameSlice(this.edits.get(z), base);
  }

  changed() {
    return [...this.edits.keys()].filter((z) => this.isChanged(z)).sort((a, b) => a - b);
  }

  forgetChanges() {
    for (const z of [...this.edits.keys()]) {
      this.edits.delete(z);
      this.recount(z);
    }
  }

  /** The changes were saved as the mask `facts`, which this layer shows from now on; returns the one it showed before. */
  becomeSaved(facts, sent) {
    const before = new Layer(this.facts, this.grid, { colour: this.colour }, this.structures);
    before.stored = new Map(this.stored);
    for (const [z, labels] of sent) this.stored.set(z, labels);
    // Slices that were not changed are the same in both masks: the old address serves what is in the browser's cache.
    const { slices } = this.facts;
    this.facts = { ...facts, slices: slices ?? facts.slices };
    this.source = this.sourceOf(this.facts);
    return before;
  }

  cut(plane, k, out) {
    if (plane.name === "axial") {
      const slice = this.slice(k);
      if (slice) out.set(slice);
      else out.fill(0);
      return Boolean(slice);
    }
    const { depth, width } = this.grid;
    let complete = true;
    for (let v = 0; v < depth; v += 1) {
      const row = out.subarray(v * plane.width, (v + 1) * plane.width);
      const slice = this.slice(depth - 1 - v);
      if (!slice) {
        row.fill(0);
        complete = false;
      } else if (slice === this.nothing) row.fill(0);
      else copyRow(plane, k, slice, width, row);
    }
    return complete;
  }
}

/** Pixels on every axial slice, by label, as the saved mask has them; empty for a mask from before labels were counted. */
function areasByLabel({ labels = [] }, depth) {
  return new Map(
    labels.map(({ value, first, areas }) => {
      const all = new Array(depth).fill(0);
      areas?.forEach((area, i) => {
        all[first + i] = area;
      });
      return [value, all];
    }),
  );
}

function addLines({ all, byLabel }, value, counts) {
  if (!byLabel.has(value)) byLabel.set(value, new Array(all.length).fill(0));
  const own = byLabel.get(value);
  counts.forEach((count, k) => {
    all[k] += count;
    own[k] += count;
  });
}

/** Whether a label of one mask is the same structure in the other, and there are several: else only marked or not counts. */
export function namesAlike(one, other) {
  return !one.structures.isSingle && one.structures.slug === other.structures.slug;
}
