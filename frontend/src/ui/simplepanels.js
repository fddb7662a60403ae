// The words, numbers and buttons around the picture of the simple viewer.
import { number } from "../../../static/js/format.js";
import { gettext, interpolate } from "../../../static/js/i18n.js";
import { side } from "../core/grid.js";
import { namesAlike } from "../data/layer.js";
import { dice, overlap } from "../core/overlap.js";
import { areaOf, areaWords, problemWords, sliceWords, windowWords, wordsAt } from "./words.js";

const ANNOUNCE_AFTER_MS = 400;

export class SimplePanels {
  /** @param {import("../simple.js").SimpleViewer} viewer */
  constructor(viewer) {
    Object.assign(this, { viewer, root: viewer.root, pointer: null });
  }

  /** Some add-ons take the canvas away from pages: the server's pictures are still there. */
  static showThatNothingIsDrawn(root) {
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    part("loading").hidden = true;
    root.querySelector("[data-do=retry]").hidden = true;
    part("problem").hidden = false;
    part("problem-text").textContent = gettext("This browser cannot draw the picture. The downloads show every slice with its mask.");
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  // --- where we are ------------------------------------------------------------------------------------------------
  showPlace() {
    const { grid, z } = this.viewer;
    this.root.dataset.masksShown = "false"; // until it is painted
    this.part("position").textContent = interpolate(gettext("%(n)s / %(of)s"), { n: z + 1, of: grid.depth });
    const slider = this.part("slider");
    slider.value = z;
    slider.setAttribute("aria-valuetext", sliceWords(z, grid.depth));
    this.part("height").textContent = this.heightWords();
    for (const link of this.root.querySelectorAll("[data-part=slice-link]")) {
      const address = new URL(link.href);
      address.searchParams.set("z", z);
      link.href = address;
    }
    this.showState();
    this.announceLater();
  }

  /** Links to other masks lead to the same slice. */
  linkHere() {
    for (const link of this.root.querySelectorAll("[data-part=keep-slice]")) link.hash = `#z=${this.viewer.z}`;
  }

  /** Where the slice lies along the body. */
  heightWords() {
    const { grid, z } = this.viewer;
    if (!grid.spacingKnown || grid.depth < 2) return "";
    const [, , s] = grid.toLps((grid.width - 1) / 2, (grid.height - 1) / 2, z);
    return `${side(2, s)} ${number(Math.abs(s), 1)} mm`;
  }

  /** The voxel under the pointer, which is at CSS pixels of the view or nowhere (null). */
  showReadout(pointer = this.pointer) {
    this.pointer = pointer;
    const { viewer } = this;
    const voxel = pointer && viewer.imageIsThere ? viewer.active.voxelAt(pointer.x, pointer.y) : null;
    this.part("readout").textContent = voxel ? wordsAt(viewer, voxel) : "";
  }

  /** Loading, or what went wrong with the slice that should be on the screen. */
  showState() {
    const { imageIsThere, masksAreThere, problem } = this.viewer;
    this.part("loading").hidden = imageIsThere || Boolean(problem);
    this.part("mask-loading").hidden = !imageIsThere || masksAreThere || Boolean(problem);
    this.part("problem").hidden = !problem;
    this.showArea();
    if (!problem) return;
    this.part("problem-text").textContent = problemWords(problem, { session: gettext("Your session has ended."), imageIsThere });
    this.root.querySelector("[data-do=retry]").hidden = problem.kind === "session";
    this.part("problem-login").hidden = problem.kind !== "session";
  }

  /** The slice is on the screen. */
  painted(view) {
    this.showReadout();
    if (!view.complete) return;
    this.root.dataset.shown = view.k;
    this.root.dataset.masksShown = String(this.viewer.masksAreThere);
  }

  /** Area of the mask on this slice, or of what two masks have in common and not. */
  showArea() {
    const { viewer } = this;
    const box = this.part("area");
    if (!box) return;
    if (!viewer.isComparing) {
      box.textContent = areaWords(viewer);
      return;
    }
    const named = namesAlike(...viewer.layers);
    const found = viewer.masksAreThere ? overlap(...viewer.layers.map((layer) => layer.slice(viewer.z)), named) : null;
    const kinds = { "area-agreed": "agreed", "area-missed": "onlyA", "area-extra": "onlyB", "area-relabelled": "relabelled" };
    this.part("relabelled").hidden = !named;
    for (const [name, kind] of Object.entries(kinds)) this.part(name).textContent = found ? areaOf(viewer.active.plane, found[kind]) : "–";
    const alike = found && dice(found);
    if (found) box.textContent = alike === null ? gettext("both empty") : number(alike, 3);
    else box.textContent = "–";
  }

  announceLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const { grid, z, isComparing } = this.viewer;
      const area = isComparing ? "" : this.part("area")?.textContent;
      const mask = area ? interpolate(gettext("Mask %(area)s"), { area }) : "";
      this.part("live").textContent = [sliceWords(z, grid.depth), mask].filter(Boolean).join(". ");
    }, ANNOUNCE_AFTER_MS);
  }

  // --- how it looks ------------------------------------------------------------------------------------------------
  showWindow() {
    const { look, window: shown } = this.viewer;
    this.part("window").textContent = windowWords(shown);
    for (const button of this.root.querySelectorAll("[data-preset]"))
      button.setAttribute("aria-pressed", String(button.dataset.preset === look.preset));
  }

  showLook() {
    const { look } = this.viewer;
    for (const name of ["overlay", "outline"])
      this.root.querySelector(`[data-do=${name}]`)?.setAttribute("aria-pressed", String(look[name]));
    const slider = this.root.querySelector("[data-look=opacity]");
    if (slider) slider.value = Math.round(look.opacity * 100);
  }

  showZoom() {
    const { marks, place } = this.viewer.active;
    marks.classList.toggle("is-zoomed", place.zoom > 1);
  }
}
