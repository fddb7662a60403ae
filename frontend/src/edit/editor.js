// Changes to one mask layer: steps that can be undone and redone without limit, each kept as runs.
import { diffRuns, redoRuns, undoRuns } from "../core/runs.js";

export class Editor {
  /** @param {(zs: number[]) => void} onChange after each finished step, undo and redo */
  constructor(onChange) {
    this.onChange = onChange;
    this.layer = null;
    /** Counts the changes: whatever saw another number saw another mask. */
    this.revision = 0;
    this.forget();
  }

  work(layer) {
    this.layer = layer;
    this.forget();
  }

  forget() {
    this.revision += 1;
    this.done = [];
    this.undone = [];
    this.open = null;
  }

  get canUndo() {
    return this.done.length > 0;
  }

  get canRedo() {
    return this.undone.length > 0;
  }

  get isDirty() {
    return Boolean(this.layer) && this.layer.changed().length > 0;
  }

  /**
   * Start a step; what is written until `finish` belongs to it.
   * @param {{plane: Plane, k: number, value?: number, drawn?: boolean}} at where the person works and the structure they draw;
   *   `drawn`: by hand, on slice `k` itself
   */
  begin(at) {
    this.finish();
    this.open = new Map();
    this.at = at;
  }

  /** The labels of slice `z` to write into, or null while they are not there. */
  slice(z) {
    const before = this.open.has(z) ? null : this.layer.slice(z);
    const labels = this.layer.writable(z);
    if (labels && !this.open.has(z)) this.open.set(z, before.slice());
    return labels;
  }

  /** End the step. A step that changed nothing is none. */
  finish() {
    if (!this.open) return;
    const slices = [];
    for (const [z, before] of this.open) {
      const runs = diffRuns(before, this.layer.slice(z));
      if (runs.length) slices.push({ z, runs });
    }
    this.open = null;
    if (!slices.length) return;
    const step = { at: this.at, slices };
    this.done.push(step);
    this.undone = [];
    this.tell(step);
  }

  /**
   * A finished step that was worked out elsewhere.
   * @param {{plane: Plane, k: number, drawn?: boolean}} at see `begin`
   * @param {{z: number, runs: Int32Array}[]} slices what changes (core/runs.js); every one of these slices must be there
   */
  apply(at, slices) {
    this.finish();
    if (!slices.length) return;
    const step = { at, slices };
    for (const { z, runs } of slices) redoRuns(this.layer.writable(z), runs);
    this.done.push(step);
    this.undone = [];
    this.tell(step);
  }

  /** Take back what the open step has written so far. */
  cancel() {
    if (!this.open) return;
    for (const [z, before] of this.open) this.layer.writable(z).set(before);
    this.open = null;
  }

  /** Slices of `plane` on which a person drew the structure `value` and has not undone it, in order. */
  drawnOn(plane, value) {
    const isDrawn = ({ at }) => at.plane === plane && at.drawn !== false && (at.value ?? value) === value;
    const ks = this.done.filter(isDrawn).map(({ at }) => at.k);
    return [...new Set(ks)].sort((a, b) => a - b);
  }

  undo() {
    this.move(this.done, this.undone, undoRuns);
  }

  redo() {
    this.move(this.undone, this.done, redoRuns);
  }

  move(from, to, apply) {
    this.finish();
    const step = from.pop();
    if (!step) return;
    for (const { z, runs } of step.slices) apply(this.layer.writable(z), runs);
    to.push(step);
    this.tell(step);
  }

  tell(step) {
    this.revision += 1;
    const zs = step.slices.map(({ z }) => z);
    for (const z of zs) this.layer.recount(z);
    this.onChange(zs);
  }
}
