// The reading room: one series, its masks, three views of them, and the voxel that the crosshair is on.
import { gettext, interpolate } from "../../static/js/i18n.js";
import { approvedBy } from "./core/approved.js";
import { Grid, Plane } from "./core/grid.js";
import { doubtfulSlices } from "./core/jump.js";
import { readingOrder } from "./core/order.js";
import { middleOf } from "./core/regions.js";
import { BACKGROUND, Structures } from "./core/structures.js";
import { Api } from "./data/api.js";
import { Layer } from "./data/layer.js";
import { Loader } from "./data/loader.js";
import { Volume } from "./data/volume.js";
import { Editor } from "./edit/editor.js";
import { isThere } from "./edit/pictures.js";
import { rememberSlice, sliceAsked } from "./ui/address.js";
import { Comparing } from "./ui/comparing.js";
import { Comments } from "./ui/comments.js";
import { confidenceOf, differingSlices } from "./ui/jumps.js";
import { lookOf } from "./ui/layerlook.js";
import { LOOK, showLayout, windowOf } from "./ui/look.js";
import { Notices } from "./ui/notices.js";
import { Measuring } from "./ui/measuring.js";
import { Panels } from "./ui/panels.js";
import { Regions } from "./ui/regions.js";
import { Saving } from "./ui/saving.js";
import { SignOff } from "./ui/signoff.js";
import { StructureList } from "./ui/structurelist.js";
import { Suspicions } from "./ui/suspicions.js";
import { Toolbox } from "./ui/toolbox.js";
import { drawOverlay } from "./view/overlay.js";
import { Strip, stripAreas } from "./view/strip.js";
import { Viewport } from "./view/viewport.js";
import { greyTable } from "./view/paint.js";

const PLANES = ["axial", "sagittal", "coronal"];
const SAVE_LOOK_AFTER_MS = 1000;
const SAVING_DATA_AHEAD = 16;
const OTHER_VIEWS_EVERY_MS = 250;

export class Reader {
  /** @param {HTMLElement} root templates/viewer/read.html @param {object} reading cases/viewer/selectors.py `reading_of` */
  constructor(root, reading) {
    Object.assign(this, { root, reading, addresses: reading.addresses });
    this.grid = new Grid(reading.series);
    this.look = { ...LOOK, ...reading.settings };
    this.window = { ...windowOf(this.look.preset), invert: false };
    this.table = greyTable(this.window);
    this.api = new Api(reading.user.id);
    this.notices = new Notices(root.querySelector("[data-notices]"));
    this.volume = new Volume(this.grid, this.addresses.slices);
    this.loader = new Loader((source, problem) => this.arrived(source, problem));
    this.editor = new Editor((zs) => this.masksChanged(zs, { keep: true }));
    this.toolbox = new Toolbox(this);
    this.regions = new Regions(this);
    this.measuring = new Measuring(this, reading.measurements, reading);
    this.makeLayers();
    this.direction = 1;
    this.voxel = null;
    this.comparing = new Comparing(this);
    this.suspicions = new Suspicions(this);
  }

  start() {
    this.workOn(this.layerAsked("mask") ?? this.layerSaved(this.approved) ?? this.layers[0]);
    this.comparing.openAsAsked();
    const voxel = this.firstVoxel();
    this.movedAt = performance.now();
    this.wish(voxel[2]); // while the views are made, the first slice is on its way
    const scene = {
      volume: this.volume,
      layers: (view) => this.comparing.layersOn(view),
      difference: () => this.comparing.painted,
      drawMarks: (view, context) => this.drawMarks(view, context),
    };
    const current = { table: () => this.table, opacity: () => this.look.opacity, outline: () => this.look.outline };
    for (const [name, get] of Object.entries(current)) Object.defineProperty(scene, name, { get });
    this.views = PLANES.map((name) => {
      const element = this.root.querySelector(`[data-view="${name}"]`);
      return new Viewport(element, new Plane(name, this.grid), scene);
    });
    [this.active] = this.views;
    this.comparing.start(scene);
    this.strip = new Strip(this.root.querySelector("[data-strip]"), { read: () => this.stripFacts(), onPick: (k) => this.scrollTo(k) });
    this.panels = new Panels(this);
    this.structureList = new StructureList(this);
    this.saving = new Saving(this);
    this.signoff = new SignOff(this);
    this.comments = new Comments(this);
    showLayout(this);
    this.moveTo(voxel);
    this.startedAt = this.voxel;
    this.saving.start();
    this.measuring.start();
    this.panels.start();
    this.signoff.start();
    this.suspicions.start();
    this.comments.start();
    // Keys work at once, and the next Tab leads to what stands beside the picture.
    if (document.activeElement === document.body) this.active.marks.focus({ preventScroll: true });
  }

  // --- masks -------------------------------------------------------------------------------------------------------
  makeLayers() {
    this.tasks = new Map(Object.entries(this.reading.tasks).map(([slug, task]) => [slug, new Structures(task)]));
    this.layers = this.reading.masks.map((facts, i) => new Layer(facts, this.grid, lookOf(this.look, i), this.tasks.get(facts.task)));
    if (!this.layers.length) this.layers = [this.emptyLayer()];
  }

  emptyLayer() {
    const [task] = this.tasks.keys();
    const facts = { id: null, label: gettext("New mask"), areas_px: new Array(this.grid.depth).fill(0), author: this.reading.user.name };
    return new Layer({ ...facts, task }, this.grid, lookOf(this.look, this.layers?.length ?? 0), this.tasks.get(task));
  }

  /** The structures of the mask that is worked on. */
  get structures() {
    return this.editor.layer.structures;
  }

  layerOf(id) {
    const found = this.layers.find((layer) => layer.id === id);
    if (found || id !== null) return found ?? null;
    const layer = this.emptyLayer();
    this.layers.push(layer);
    return layer;
  }

  /** The mask that the address of the page names as `name`, or null. */
  layerAsked(name) {
    return this.layerSaved(new URLSearchParams(window.location.search).get(name));
  }

  layerSaved(id) {
    return this.layers.find((layer) => id && layer.id === id) ?? null;
  }

  /** The id of the approved mask of the series, or null. */
  get approved() {
    return approvedBy(this.reading.review);
  }

  /** Work on another mask in place of the shown one. */
  turnToMask(id) {
    const before = this.editor.layer;
    if (!this.workOn(this.layerSaved(id))) return;
    before.visible = false;
    this.refreshAll();
  }

  /** Make `layer` the one that is corrected. Unsaved changes of another one have to be saved or thrown away first. */
  workOn(layer) {
    if (layer === this.editor.layer) return true;
    if (this.editor.isDirty) {
      this.say(gettext("Save or discard your correction before you correct another mask."));
      return false;
    }
    this.editor.work(layer);
    layer.visible = true;
    if (this.other === layer) this.other = null;
    this.other ??=
      this.layers.find((one) => one.id === layer.facts.parent && one !== layer) ?? this.layers.find((one) => one !== layer) ?? null;
    if (this.voxel) this.wish();
    this.refreshAll();
    this.suspicions.show();
    return true;
  }

  mayCorrectNow() {
    if (!this.reading.may_correct) this.say(gettext("Your role does not allow you to correct masks."));
    else if (!this.saving.isMine) this.say(gettext("This series is being corrected in another window."));
    else if (this.regions.isBusy) this.say(gettext("The whole mask is being worked on: wait, or press Esc to cancel."));
    return this.reading.may_correct && this.saving.isMine && !this.regions.isBusy;
  }

  /** Whether a tool may draw now (or erase): the structure that it writes must be seen and not locked. */
  mayDrawNow({ erase = false } = {}) {
    if (!this.mayCorrectNow()) return false;
    const { structures } = this;
    const one = structures.activeOne;
    if (!structures.isProtected(one.value) || (erase && structures.over !== BACKGROUND)) return true;
    const words = one.visible
      ? gettext("%(structure)s is locked. Unlock it, or choose another structure.")
      : gettext("%(structure)s is hidden. Show it, or choose another structure.");
    this.say(interpolate(words, { structure: one.name }));
    return false;
  }

  /** Slices `zs` of the worked-on mask look different; `keep` them in the draft when a step was finished. */
  masksChanged(zs, { keep = false } = {}) {
    if (keep) this.saving.keep(this.editor.layer, zs);
    this.refreshViews();
    this.changedSlices = null;
    this.strip.refresh();
    this.panels.showState();
  }

  wasSaved(layer, before) {
    if (before.id) {
      Object.assign(before, lookOf(this.look, this.layers.length), { visible: false });
      this.layers.splice(this.layers.indexOf(layer) + 1, 0, before);
      this.other = before;
    }
    this.changedSlices = null;
    this.showDraft("");
    this.say(before.id ? gettext("Saved as a new mask. The previous mask is kept.") : gettext("Saved as a new mask."));
    this.root.dataset.saved = layer.id;
    this.suspicions.show();
    this.refreshAll();
    this.root.dispatchEvent(new CustomEvent("reading:saved", { bubbles: true, detail: { mask: layer.facts } }));
  }

  toggleOverlay() {
    const on = this.layers.some((layer) => layer.visible);
    if (on) this.hidden = this.layers.filter((layer) => layer.visible);
    for (const layer of on ? this.layers : (this.hidden ?? [this.editor.layer])) layer.visible = !on;
    if (!on) this.wish();
    this.refreshAll();
  }

  setVisible(layer, visible) {
    layer.visible = visible;
    this.wish();
    this.refreshAll();
  }

  /** Wait until slice `z` of each layer is there. */
  async ensure(layers, z) {
    const signal = new AbortController().signal;
    await Promise.all(layers.filter((layer) => !layer.slice(z)).map((layer) => layer.source.fetch(z, 1, { signal, priority: "high" })));
  }

  // --- where we are ------------------------------------------------------------------------------------------------
  firstVoxel() {
    const z = sliceAsked() ?? this.reading.first_slice;
    return [Math.floor(this.grid.width / 2), Math.floor(this.grid.height / 2), Math.min(z, this.grid.depth - 1)];
  }

  /** Nobody has moved yet: put the crosshair into the middle of the mask, so that the sagittal view shows the spine. */
  settle() {
    const [, , z] = this.voxel;
    const middle = middleOf(this.editor.layer.slice(z), this.grid.width);
    if (middle) this.moveTo([...middle, z]);
  }

  moveTo(voxel) {
    const sizes = [this.grid.width, this.grid.height, this.grid.depth];
    const next = voxel.map((value, axis) => Math.max(0, Math.min(sizes[axis] - 1, Math.round(value))));
    const moved = this.voxel ? next.map((value, axis) => value !== this.voxel[axis]) : [true, true, true];
    if (this.voxel && moved[2]) this.direction = Math.sign(next[2] - this.voxel[2]);
    this.voxel = next;
    this.views.forEach((view) => {
      const { axis } = view.plane;
      if (moved[axis]) view.show(next[axis]);
      else if (moved.some(Boolean)) view.refreshMarks();
    });
    if (moved[this.active.plane.axis]) this.strip?.refresh();
    if (moved[2]) this.sliceMoved();
    this.panels?.showPlace();
  }

  sliceMoved() {
    const [, , z] = this.voxel;
    this.volume.centre = z;
    this.movedAt = performance.now();
    this.wish();
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => rememberSlice(z), 200);
    this.root.dispatchEvent(new CustomEvent("reading:slice", { bubbles: true, detail: { z } }));
  }

  /** To an axial slice. Where another plane is in use, the place of its crosshair alone would not tell which. */
  goTo(z) {
    this.moveAlong(2, z);
    if (this.active.plane.name !== "axial")
      this.say(interpolate(gettext("The crosshair is on axial slice %(n)s."), { n: this.voxel[2] + 1 }));
  }

  /** To slice `k` of the plane in use. */
  scrollTo(k) {
    this.moveAlong(this.active.plane.axis, k);
  }

  /** Scroll `view` by `steps` slices: upwards, to the left, to the front count as forwards. */
  scroll(view, steps) {
    const { axis } = view.plane;
    this.moveAlong(axis, this.voxel[axis] + steps);
  }

  /** Move the crosshair along one axis of the voxels only. */
  moveAlong(axis, value) {
    this.moveTo(Object.assign([...this.voxel], { [axis]: value }));
  }

  /** Put the crosshair at picture coordinates of a view. */
  pointTo(view, [u, v]) {
    this.moveTo(view.plane.toVoxel(Math.round(u), Math.round(v), view.k));
  }

  /** Move the crosshair inside the picture of the active view. */
  nudge(du, dv) {
    const view = this.active;
    const [u, v] = view.plane.fromVoxel(...this.voxel);
    this.pointTo(view, [u + du, v + dv]);
  }

  activate(view) {
    if (this.active === view) return;
    this.active = view;
    if (this.comparing.isPaired) this.comparing.arrange();
    for (const one of this.views) one.element.classList.toggle("is-active", one === view);
    this.strip.refresh();
    this.panels.showPlace();
  }

  /** Work in `view`, and show it where another one was shown alone. */
  turnTo(view) {
    if (this.layout === "three" || this.comparing.isPaired) this.activate(view);
    else if (this.grid.depth > 1) showLayout(this, view.plane.name);
    else if (view !== this.active) this.say(gettext("This series has a single slice: only the axial view is available."));
  }

  // --- loading -----------------------------------------------------------------------------------------------------
  wish(z = this.voxel[2]) {
    const layers = this.layers.filter(
      (layer) => layer.source && (layer.visible || layer === this.editor.layer || (this.comparing.isOn && layer === this.other)),
    );
    const { depth } = this.grid;
    const order = readingOrder(z, this.direction, depth, navigator.connection?.saveData ? SAVING_DATA_AHEAD : depth);
    const wishes = order.flatMap((at) => [this.volume.source, ...layers.map((layer) => layer.source)].map((source) => ({ source, z: at })));
    this.loader.want(
      wishes.filter(({ source, z: at }) => !source.has(at)),
      z,
    );
    this.panels?.showLoading();
  }

  arrived(source, problem) {
    const [axial, ...others] = this.views;
    if (!axial.complete || source !== this.volume.source) axial.refresh({ hu: true });
    if (!problem) this.otherViewsLater(others);
    if (this.voxel === this.startedAt) this.settle();
    this.panels.showLoading();
  }

  /** The sagittal and coronal views grow row by row: a few times a second is enough. */
  otherViewsLater(views) {
    this.othersTimer ??= setTimeout(() => {
      this.othersTimer = null;
      for (const view of views) view.refresh({ hu: true });
      if (this.active.plane.name === "axial") return;
      this.strip.refresh();
      this.panels.showArea();
    }, OTHER_VIEWS_EVERY_MS);
  }

  /** Why the shown slice is not there, or null. */
  get problem() {
    const [, , z] = this.voxel;
    return this.loader.problemOf(this.volume.source, z) ?? (this.editor.layer.source && this.loader.problemOf(this.editor.layer.source, z));
  }

  /** Whether the picture that is worked on, and its mask, are on the screen; else the axial one does, where it is shown. */
  get isShown() {
    const seen = this.views.filter((view) => view.element.clientHeight > 0);
    const view = seen.includes(this.views[0]) ? this.views[0] : seen[0];
    return Boolean(view?.complete) && !this.problem && isThere(this.editor.layer, view.plane, view.k);
  }

  retry() {
    this.loader.retry();
    this.panels.showLoading();
  }

  // --- look --------------------------------------------------------------------------------------------------------
  setLook(changes) {
    Object.assign(this.look, changes);
    this.panels.showLook();
    this.refreshMarks();
    this.keepLook();
  }

  /** The settings follow the person to the next series and the next computer. */
  keepLook() {
    clearTimeout(this.lookTimer);
    this.lookTimer = setTimeout(() => {
      this.api.send("PUT", this.addresses.settings, { ...this.look, preset: this.look.preset ?? "bone" }).catch(() => {});
    }, SAVE_LOOK_AFTER_MS);
  }

  // --- drawing -----------------------------------------------------------------------------------------------------
  drawMarks(view, context) {
    if (!this.voxel) return;
    drawOverlay(this, view, context);
    if (view === this.views[0]) this.painted(view);
  }

  /** For whoever watches from outside: which axial slice is on the screen. */
  painted(view) {
    if (!view.complete) return;
    const shown = String(view.k);
    if (this.root.dataset.shown === shown) return;
    this.root.dataset.shown = shown;
    performance.measure("slice", { start: this.movedAt, end: performance.now() });
  }

  strokeMoved(view, since) {
    view.refresh();
    this.strokeSince ??= since;
    this.strokeFrame ??= requestAnimationFrame(() => {
      this.strokeFrame = null; // after the view's own frame, which was asked for first
      performance.measure("stroke", { start: this.strokeSince, end: performance.now() });
      this.strokeSince = null;
    });
  }

  strokeDone() {
    this.editor.finish();
  }

  /** How the masks look has changed, by the person's own hand. */
  lookChanged() {
    this.refreshAll();
    this.keepLook();
  }

  refreshViews() {
    for (const view of this.views ?? []) view.refresh();
  }

  refreshAll() {
    this.refreshViews();
    this.strip?.refresh();
    this.panels?.showAll();
  }

  refreshMarks() {
    for (const view of this.views) view.refreshMarks();
  }

  stripFacts() {
    const { plane, k } = this.active;
    const areas = this.layers.filter((layer) => layer.visible).map((layer) => stripAreas(layer, plane));
    const place = { areas, k: this.voxel?.[plane.axis] ?? k, count: plane.count };
    // The marks are of axial slices.
    if (plane.name !== "axial") return { ...place, changed: [], differing: [], doubtful: [], commented: [] };
    this.changedSlices ??= this.editor.layer.changed();
    const marked = {
      changed: this.changedSlices,
      differing: differingSlices(this),
      doubtful: doubtfulSlices(confidenceOf(this)),
      commented: this.comments?.slices ?? [],
    };
    return { ...place, ...marked };
  }

  // --- words ---------------------------------------------------------------------------------------------------------
  say(text) {
    this.notices.say(text);
  }

  showDraft(text) {
    this.panels.showDraft(text);
  }

  showSaving(on) {
    this.panels.showSaving(on);
  }

  toolTaken() {
    this.panels.showTool();
    this.refreshMarks();
  }

  rightsChanged() {
    this.panels.showState();
  }
}
