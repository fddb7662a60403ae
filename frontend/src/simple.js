// The viewer of pages that show a result (templates/viewer_base.html): one axial view, with one mask over it or two compared.
import { Grid, Plane } from "./core/grid.js";
import { readingOrder } from "./core/order.js";
import { Structures } from "./core/structures.js";
import { Layer } from "./data/layer.js";
import { Loader } from "./data/loader.js";
import { Volume } from "./data/volume.js";
import { rememberSlice, sliceAsked } from "./ui/address.js";
import { listenToGestures } from "./ui/input.js";
import { listenToKeys } from "./ui/keys.js";
import { lookOf } from "./ui/layerlook.js";
import { LOOK, usePreset, windowBy, windowOf } from "./ui/look.js";
import { SimplePanels } from "./ui/simplepanels.js";
import { drawLetters, drawNames, drawScale } from "./view/marks.js";
import { DIFFERENCE, greyTable } from "./view/paint.js";
import { Strip, stripAreas } from "./view/strip.js";
import { Viewport } from "./view/viewport.js";

const NEEDED = ["ResizeObserver", "DOMMatrix"];
const MOST_BYTES = 128 * 1024 * 1024;
const SAVING_DATA_AHEAD = 8;
const ADDRESS_AFTER_MS = 150;

export class SimpleViewer {
  /** @param {HTMLElement} root with `data-compare` the first mask is the reference @param {object} config cases/viewer/selectors.py `plain_of` */
  constructor(root, config) {
    Object.assign(this, { root, config, isComparing: "compare" in root.dataset, direction: 1, voxel: null });
    this.grid = new Grid(config.series);
    this.look = { preset: LOOK.preset, opacity: LOOK.opacity, outline: false, overlay: true };
    this.window = { ...windowOf(this.look.preset), invert: false };
    this.table = greyTable(this.window);
    this.volume = new Volume(this.grid, config.addresses.slices, { mostBytes: MOST_BYTES });
    const structures = new Map(Object.entries(config.tasks).map(([slug, task]) => [slug, new Structures(task)]));
    this.layers = config.masks.map((facts, i) => new Layer(facts, this.grid, lookOf(LOOK, i), structures.get(facts.task)));
    this.editor = { layer: this.layers[0] };
    this.loader = new Loader(() => this.arrived());
    this.active = new Viewport(root.querySelector("[data-view]"), new Plane("axial", this.grid), this.scene());
    this.views = [this.active];
    this.panels = new SimplePanels(this);
  }

  scene() {
    const { look } = this;
    return {
      volume: this.volume,
      table: this.table,
      layers: () => (look.overlay && !this.isComparing ? this.layers : []),
      difference: () => (look.overlay && this.isComparing ? this.layers : null),
      get opacity() {
        return look.opacity;
      },
      get outline() {
        return look.outline;
      },
      drawMarks: (view, context) => this.drawMarks(view, context),
    };
  }

  start() {
    this.addStrip();
    this.listen();
    this.goTo(sliceAsked() ?? this.config.first_slice);
    this.panels.showWindow();
  }

  // --- slices ------------------------------------------------------------------------------------------------------
  get z() {
    return this.voxel[2];
  }

  goTo(wanted) {
    const z = Math.max(0, Math.min(this.grid.depth - 1, wanted));
    if (this.voxel && z === this.z) return;
    if (this.voxel) this.direction = Math.sign(z - this.z);
    this.voxel = [Math.floor(this.grid.width / 2), Math.floor(this.grid.height / 2), z];
    this.volume.centre = z;
    this.wish();
    this.active.show(z);
    this.strip?.refresh();
    this.panels.showPlace();
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => {
      rememberSlice(z);
      this.panels.linkHere();
    }, ADDRESS_AFTER_MS);
  }

  step(by) {
    this.goTo(this.z + by);
  }

  wish() {
    const { room } = this.volume;
    for (const layer of this.layers) layer.forgetFar(this.z, room);
    const order = readingOrder(this.z, this.direction, this.grid.depth, navigator.connection?.saveData ? SAVING_DATA_AHEAD : room);
    const wishes = order.flatMap((z) => this.sources.map((source) => ({ source, z })));
    this.loader.want(
      wishes.filter(({ source, z }) => !source.has(z)),
      this.z,
    );
  }

  get sources() {
    return [this.volume.source, ...this.layers.map((layer) => layer.source)];
  }

  arrived() {
    if (this.root.dataset.masksShown !== "true") this.active.refresh({ hu: true });
    this.panels.showState();
  }

  get imageIsThere() {
    return Boolean(this.volume.get(this.z));
  }

  get masksAreThere() {
    return this.layers.every((layer) => layer.slice(this.z));
  }

  /** Why something of the shown slice is not there, or null. */
  get problem() {
    return this.sources.map((source) => this.loader.problemOf(source, this.z)).find(Boolean) ?? null;
  }

  retry() {
    this.loader.retry();
    this.panels.showState();
  }

  // --- how it looks ------------------------------------------------------------------------------------------------
  drawMarks(view, context) {
    if (!this.voxel) return;
    drawLetters(context, view);
    drawScale(context, view);
    drawNames(context, view, view.names());
    this.panels.painted(view);
  }

  setLook(changes) {
    Object.assign(this.look, changes);
    for (const layer of this.layers) Object.assign(layer, { opacity: this.look.opacity, outline: this.look.outline });
    this.active.refresh();
    this.panels.showLook();
  }

  /** What is chosen here goes for this page only. */
  keepLook() {}

  addStrip() {
    if (!this.layers.length || this.grid.depth < 2) return;
    const canvas = this.root.querySelector("[data-strip]");
    canvas.closest("[data-part=strip-box]").hidden = false;
    const { plane } = this.active;
    const areas = this.isComparing
      ? this.layers.map((layer, i) => ({ values: layer.areas, colour: [DIFFERENCE.onlyA, DIFFERENCE.onlyB][i] }))
      : this.layers.map((layer) => stripAreas(layer, plane));
    this.strip = new Strip(canvas, { read: () => ({ areas, k: this.z, count: this.grid.depth }), onPick: (z) => this.goTo(z) });
  }

  // --- gestures and keys -------------------------------------------------------------------------------------------
  listen() {
    const { root, active: view, panels } = this;
    const commands = this.commands();
    root.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      commands[button?.dataset.do]?.();
      if (button?.dataset.preset) usePreset(this, button.dataset.preset);
    });
    root.querySelector("[data-part=slider]").addEventListener("input", (event) => this.goTo(Number(event.target.value)));
    root
      .querySelector("[data-look=opacity]")
      ?.addEventListener("input", (event) => this.setLook({ opacity: Number(event.target.value) / 100 }));
    window.addEventListener("hashchange", () => this.goTo(sliceAsked() ?? this.z));
    window.addEventListener("online", () => this.retry());
    listenToKeys(this.keys(commands));
    listenToGestures(view.marks, {
      begin: () => {},
      modeOf: (event) => this.modeOf(event),
      step: (by) => this.step(by),
      zoom: (factor, x, y) => this.zoom(factor, x, y),
      pan: (dx, dy) => view.panBy(dx, dy),
      windowBy: (dx, dy) => windowBy(this, dx, dy),
      hover: (x, y) => panels.showReadout({ x, y }),
      leave: () => panels.showReadout(null),
      cancel: () => {},
      doubleClick: () => {},
      tap: () => {},
    });
  }

  modeOf(event) {
    if (event.button === 2 || event.shiftKey) return "window";
    if (this.active.place.zoom > 1) return "pan";
    return event.pointerType === "mouse" ? null : "touch";
  }

  /** Never smaller than the view: a finger that drags at that size scrolls. */
  zoom(factor, x, y) {
    const view = this.active;
    view.zoomBy(factor, x, y);
    if (view.place.zoom <= 1) view.fit();
    this.panels.showZoom();
  }

  fit() {
    this.active.fit();
    this.panels.showZoom();
  }

  commands() {
    return {
      previous: () => this.step(-1),
      next: () => this.step(1),
      largest: () => this.goToLargest(),
      retry: () => this.retry(),
      overlay: () => this.layers.length && this.setLook({ overlay: !this.look.overlay }),
      outline: () => this.layers.length && this.setLook({ outline: !this.look.outline }),
      "zoom-in": () => this.zoom(1.25),
      "zoom-out": () => this.zoom(0.8),
      fit: () => this.fit(),
      help: () => this.root.querySelector("[data-part=help]").showModal(),
    };
  }

  keys(commands) {
    const by = (steps) => () => this.step(steps);
    const contrast = (dx, dy) => () => windowBy(this, dx, dy);
    const fade = (change) => () => this.layers.length && this.setLook({ opacity: Math.max(0, Math.min(1, this.look.opacity + change)) });
    // biome-ignore format: a table of keys
    return {
      ArrowUp: by(1), ArrowDown: by(-1), ArrowRight: by(1), ArrowLeft: by(-1), PageUp: by(10), PageDown: by(-10),
      Home: () => this.goTo(0), End: () => this.goTo(this.grid.depth - 1),
      "Shift+ArrowUp": contrast(0, -10), "Shift+ArrowDown": contrast(0, 10),
      "Shift+ArrowLeft": contrast(-10, 0), "Shift+ArrowRight": contrast(10, 0),
      1: () => usePreset(this, "bone"), 2: () => usePreset(this, "soft"), 3: () => usePreset(this, "lung"), 4: () => usePreset(this, "full"),
      o: commands.overlay, " ": commands.overlay, l: commands.outline, ",": fade(-0.1), ".": fade(0.1), m: commands.largest,
      "+": commands["zoom-in"], "=": commands["zoom-in"], "-": commands["zoom-out"], f: commands.fit, "?": commands.help,
    };
  }

  goToLargest() {
    const areas = this.layers[0]?.areas ?? [];
    if (areas.length) this.goTo(areas.reduce((best, area, z) => (area > areas[best] ? z : best), 0));
  }
}

function start(root) {
  const canDraw = NEEDED.every((name) => name in window) && document.createElement("canvas").getContext("2d");
  if (!canDraw) return SimplePanels.showThatNothingIsDrawn(root);
  const viewer = new SimpleViewer(root, JSON.parse(document.getElementById(root.dataset.simple).textContent));
  viewer.start();
  // For the page, and for tests.
  root.viewer = viewer;
}

for (const root of document.querySelectorAll("[data-simple]")) start(root);
