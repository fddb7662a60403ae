// Work on regions of the whole mask: the parts of a structure, its surface, cuts through all slices. What takes a moment
// shows how far it is, and can be cancelled.
import { number } from "../../../static/js/format.js";
import { gettext, interpolate, ngettext } from "../../../static/js/i18n.js";
import { reachOf } from "../core/balls.js";
import { boxOfPrism, pixelsOn } from "../core/cuts.js";
import { MaskChanged, WholeMask, WorkerMissing } from "../edit/wholemask.js";
import { problemWords } from "./words.js";

const SHOW_AFTER_MS = 150;
const NOTICE = "regions";
/** The tools of this group: the first two draw a polygon, the others set points. */
export const THROUGH = ["cut-through", "relabel-through"];
const STRUCTURES_ONLY = ["relabel-through", "rename-region", "split"];

export class Regions {
  /** @param {import("../reader.js").Reader} reader */
  constructor(reader) {
    this.reader = reader;
    const { editor, loader, grid, root } = reader;
    this.whole = new WholeMask({ editor, loader, grid, address: root.dataset.worker });
    this.box = root.querySelector("[data-part=regions]");
    if (!grid.spacingKnown) this.useVoxels();
  }

  get isBusy() {
    return this.whole.isBusy;
  }

  /** Stop what is running. @returns {boolean} whether anything was */
  cancel() {
    return this.whole.cancel();
  }

  /** Where the file names no spacing, lengths are in pixels and sizes in voxels. */
  useVoxels() {
    for (const unit of this.box.querySelectorAll("[data-region=unit]")) unit.textContent = "px";
    const sizes = this.box.querySelector("[data-region=size-unit]");
    sizes.querySelector("[value=mm3]").remove();
  }

  get structures() {
    return this.reader.structures;
  }

  get commands() {
    const own = (act) => () => this.reader.mayDrawNow() && act();
    return {
      "keep-largest": own(() => this.onStructure("keep-largest")),
      "remove-small": own(() => this.removeSmall()),
      smooth: own(() => this.byBall("smooth")),
      expand: own(() => this.byBall("grow")),
      shrink: own(() => this.byBall("shrink")),
    };
  }

  // --- one structure -------------------------------------------------------------------------------------------------
  onStructure(name, options = {}, more = {}) {
    const { value, open: free } = this.structures.drawing();
    return this.run(name, { options: { value, free, ...options }, ...more });
  }

  removeSmall() {
    const size = this.numberIn("size");
    if (size === null) return undefined;
    const perVoxel = this.sizeUnit === "mm3" ? this.reader.reading.series.voxel_volume_mm3 : 1;
    return this.onStructure("remove-small", { voxels: size / perVoxel });
  }

  get sizeUnit() {
    return this.box.querySelector("[data-region=size-unit]").value;
  }

  /** Smooth, grow or shrink by the radius that is set. */
  byBall(name) {
    const radius = this.numberIn("radius");
    if (radius === null) return undefined;
    const around = { smooth: { y: 0, z: 0 }, shrink: { y: 1, z: 1 }, grow: reachOf(radius, this.reader.grid) }[name];
    return this.onStructure(name, { radius }, { around });
  }

  /** The number in a field, null (and words) when it is none that can be used. */
  numberIn(name) {
    const input = this.box.querySelector(`[data-region=${name}]`);
    const value = Number(input.value);
    if (input.value !== "" && input.checkValidity()) return value;
    const { min, max } = input;
    this.reader.say(
      interpolate(gettext("%(field)s: enter a number from %(min)s to %(max)s."), { field: input.getAttribute("aria-label"), min, max }),
    );
    return null;
  }

  // --- tools ---------------------------------------------------------------------------------------------------------
  /** Everything inside the polygon, through the whole depth, is erased or becomes the structure in hand. */
  cutThrough(view, corners, tool) {
    const { value, open: free } = tool === "relabel-through" ? this.structures.drawing() : this.structures.erasing();
    const { plane } = view;
    const options = { corners, to: value, free, plane: plane.name };
    return this.run("cut", { options, box: boxOfPrism(corners, plane, this.reader.grid) }, view);
  }

  /** All that is connected with the voxel under the pixel [u, v] becomes the structure in hand. */
  renameAt(view, [u, v]) {
    const seed = view.plane.toVoxel(Math.round(u), Math.round(v), view.k);
    if (!this.reader.grid.inside(...seed)) return undefined;
    const value = this.labelAt(seed);
    if (value === null) return this.reader.say(gettext("This slice is still loading. Try again in a moment."));
    if (!value) return this.reader.say(gettext("There is no structure here. Click inside of the region."));
    if (!this.mayChange(value)) return undefined;
    return this.run("rename", { options: { value, to: this.structures.active, seed } }, view);
  }

  /** `points`: two of the line, and one on the side that becomes the structure in hand. */
  split(view, [a, b, side]) {
    const inside = ([u, v]) => u >= 0 && v >= 0 && u < view.plane.width && v < view.plane.height;
    const voxels = pixelsOn(a, b)
      .filter(inside)
      .map(([u, v]) => view.plane.toVoxel(u, v, view.k));
    const value = this.mostOn(voxels);
    if (value === null) return this.reader.say(gettext("A slice that this needs is still loading. Try again in a moment."));
    if (!value) return this.reader.say(gettext("The line crosses no other structure. Draw it through the region to split."));
    if (!this.mayChange(value)) return undefined;
    const seeds = voxels.filter((voxel) => this.labelAt(voxel) === value);
    return this.run("split", { options: { value, to: this.structures.active, seeds, a, b, side, plane: view.plane.name } }, view);
  }

  labelAt([x, y, z]) {
    return this.reader.editor.layer.slice(z)?.[y * this.reader.grid.width + x] ?? null;
  }

  /** The label that most of the voxels have, beside background and the one in hand: 0 for none, null while slices miss. */
  mostOn(voxels) {
    const counts = new Map();
    for (const voxel of voxels) {
      const label = this.labelAt(voxel);
      if (label === null) return null;
      if (label && label !== this.structures.active) counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), [0, 0])[0];
  }

  mayChange(value) {
    const { structures } = this;
    const isOther = value !== structures.active;
    if (!isOther)
      this.reader.say(gettext("This region is the active structure already. Choose the structure that it should become first."));
    const isKept = structures.isProtected(value);
    if (isOther && isKept) {
      const words = gettext("%(structure)s is locked or hidden, so it is not changed. Unlock and show it first.");
      this.reader.say(interpolate(words, { structure: structures.of(value)?.name ?? value }));
    }
    return isOther && !isKept;
  }

  // --- running -------------------------------------------------------------------------------------------------------
  async run(name, task, { plane, k } = this.reader.active) {
    const { reader } = this;
    let progress = { stage: "loading", part: 0 };
    const tell = (stage, part) => {
      progress = { stage, part };
      if (reader.notices.shown.has(NOTICE)) this.showProgress(progress);
    };
    // What is done in a moment shows nothing.
    const timer = setTimeout(() => this.showProgress(progress), SHOW_AFTER_MS);
    try {
      const done = await this.whole.run(name, { ...task, at: { plane, k, drawn: false } }, tell);
      reader.say(this.withStructure(name, this.wordsFor(name, done)));
    } catch (problem) {
      reader.say(this.wordsAgainst(problem));
    } finally {
      clearTimeout(timer);
      reader.notices.drop(NOTICE);
      reader.panels.showState();
    }
  }

  showProgress({ stage, part }) {
    const words = stage === "loading" ? gettext("Loading the mask…") : gettext("Working on the whole mask…");
    const notice = this.reader.notices.shown.get(NOTICE) ?? this.newNotice(words);
    notice.querySelector("p").textContent = words;
    notice.querySelector("progress").value = part;
  }

  newNotice(words) {
    const actions = [{ words: gettext("Cancel"), act: () => this.cancel() }];
    const notice = this.reader.notices.show(NOTICE, { kind: "info", text: words, actions });
    const bar = document.createElement("progress");
    bar.setAttribute("aria-label", gettext("Progress"));
    notice.querySelector("p").after(bar);
    return notice;
  }

  /** Of several structures, which one it was. */
  withStructure(name, words) {
    if (!this.several || name === "cut") return words;
    return interpolate(gettext("%(structure)s: %(words)s"), { structure: this.structures.activeOne.name, words });
  }

  wordsFor(name, done) {
    if (!done) return gettext("The mask has nothing of this structure yet.");
    const { parts, voxels, slices } = done;
    if (name === "keep-largest" && !parts) return gettext("It is one connected part: nothing to remove.");
    if (name === "remove-small" && !parts) return gettext("No part is smaller than that.");
    if (!voxels) return gettext("Nothing to change.");
    const values = { n: number(parts ?? slices.length), amount: this.amountOf(voxels) };
    return parts === undefined
      ? interpolate(ngettext("%(amount)s changed on %(n)s slice.", "%(amount)s changed on %(n)s slices.", slices.length), values)
      : interpolate(ngettext("%(n)s part removed: %(amount)s.", "%(n)s parts removed: %(amount)s.", parts), values);
  }

  amountOf(voxels) {
    const { grid, reading } = this.reader;
    const words = interpolate(ngettext("%(n)s voxel", "%(n)s voxels", voxels), { n: number(voxels) });
    return grid.spacingKnown ? `${number((voxels * reading.series.voxel_volume_mm3) / 1000, 2)} ml (${words})` : words;
  }

  wordsAgainst(problem) {
    if (problem.name === "AbortError") return gettext("Cancelled. Nothing was changed.");
    if (problem instanceof MaskChanged) return gettext("The mask was changed meanwhile, so nothing was written. Try again.");
    if (problem instanceof WorkerMissing) {
      return gettext("The part of the viewer that does this could not be loaded. Nothing was changed. Check the network, then try again.");
    }
    if (!problem.kind) {
      console.error(problem);
      return gettext("This could not be done. Nothing was changed. Reload the page and try again.");
    }
    const session = gettext("Your session has ended. Log in again in another window, then try again.");
    return problemWords(problem, { session, imageIsThere: true });
  }

  /** A mask with one label has no use for tools that give another one. */
  show() {
    this.several = !this.structures.isSingle;
    for (const tool of STRUCTURES_ONLY) this.button(tool).hidden = !this.several;
    this.button("cut-through").classList.toggle("wide", !this.several);
  }

  button(tool) {
    return this.box.querySelector(`[data-tool=${tool}]`);
  }

  /** Take a tool of this group by its key. */
  take(tool) {
    if (this.several || !STRUCTURES_ONLY.includes(tool)) return this.reader.toolbox.take(tool);
    return this.reader.say(gettext("This mask has one structure only: there is no other one to give a region."));
  }
}
