// The CT viewer: one axial slice at a time, with one mask over it or two masks compared.
// The page brings the markup (components/viewer.html) and a configuration as JSON; see `readConfig`.
import { number } from "./format.js";
import { gettext, interpolate } from "./i18n.js";
import { listenToKeys, listenToPointers, listenToWheel } from "./viewer/input.js";
import { COLOURS } from "./viewer/pixels.js";
import { Readout } from "./viewer/readout.js";
import { Loader, SliceCache, Stack, readingOrder } from "./viewer/slices.js";
import { Stage } from "./viewer/stage.js";
import { Strip } from "./viewer/strip.js";

const CACHE_BYTES = 256 * 1024 * 1024;
const SAVING_DATA_AHEAD = 8;
const WINDOWS = {
  bone: { center: 400, width: 1800 },
  soft: { center: 40, width: 400 },
  lung: { center: -600, width: 1500 },
  full: { center: 512, width: 3072 },
};

/**
 * {depth, height, width, spacing: [z, y, x] mm, spacing_known, affine: 16 numbers (row-major, index x y z to LPS mm)
 *  or null, slice_url, mask_urls: [{id, label, url, areas_px}], window: name, windows: {name: {center, width}},
 *  start: z}. A slice's address is `<slice_url>/<z>`. With `data-compare` the first mask is the reference.
 */
function readConfig(root) {
  const config = JSON.parse(document.getElementById(root.dataset.config).textContent);
  return { ...config, compare: "compare" in root.dataset };
}

class Viewer {
  constructor(root) {
    this.root = root;
    this.config = readConfig(root);
    this.part = (name) => root.querySelector(`[data-viewer="${name}"]`);
    this.parts = (name) => root.querySelectorAll(`[data-viewer="${name}"]`);
    this.windows = { ...WINDOWS, ...this.config.windows };
    this.canvas = this.part("canvas");
    this.direction = 1;
    this.z = null;
  }

  /** Some add-ons take the canvas away from pages: the server's pictures are still there. */
  cannotDraw() {
    this.part("loading").hidden = true;
    this.part("retry").hidden = true;
    this.part("problem").hidden = false;
    this.part("problem-text").textContent = gettext("This browser cannot draw the picture. The downloads show every slice with its mask.");
  }

  start() {
    const { config } = this;
    const length = config.width * config.height;
    this.volume = new Stack({ id: "ct", url: config.slice_url, type: Int16Array, length });
    this.masks = config.mask_urls.map(({ id, url }) => new Stack({ id, url, type: Uint8Array, length }));
    this.cache = new SliceCache(CACHE_BYTES);
    this.loader = new Loader(this.cache, (stack, z) => z === this.z && this.showSlice());
    this.stage = new Stage(this.canvas, config, { compare: config.compare });
    this.readout = new Readout(this.part, config, this.stage);
    this.ahead = this.howFarAhead(length);
    this.addStrip();
    this.addControls();
    this.usePreset(config.window || "bone");
    this.goTo(this.sliceFromAddress() ?? config.start ?? Math.floor(config.depth / 2));
    window.addEventListener("hashchange", () => this.goTo(this.sliceFromAddress() ?? this.z));
    window.addEventListener("online", () => this.retry());
  }

  howFarAhead(length) {
    const perSlice = length * (2 + this.masks.length);
    const fits = Math.max(1, Math.floor((0.9 * CACHE_BYTES) / perSlice));
    return navigator.connection?.saveData ? Math.min(fits, SAVING_DATA_AHEAD) : fits;
  }

  // --- slices ------------------------------------------------------------------------------------------------------

  goTo(z) {
    const wanted = Math.max(0, Math.min(this.config.depth - 1, z));
    if (wanted === this.z) return;
    if (this.z !== null) this.direction = Math.sign(wanted - this.z);
    this.z = wanted;
    this.part("slider").value = wanted;
    this.showSlice();
    this.loader.want(this.wishes());
    this.rememberInAddress();
  }

  step(by) {
    this.goTo(this.z + by);
  }

  wishes() {
    const stacks = [this.volume, ...this.masks];
    const order = readingOrder(this.z, this.direction, this.config.depth, this.ahead);
    return order.flatMap((z) => stacks.map((stack) => ({ stack, z })));
  }

  showSlice() {
    const hu = this.cache.get(this.volume.key(this.z));
    const masks = this.masks.map((stack) => this.cache.get(stack.key(this.z)) ?? null);
    if (hu) this.stage.show(hu, masks);
    this.strip?.show(this.z);
    this.canvas.classList.toggle("is-stale", !hu);
    this.readout.slice(this.z, { ready: Boolean(hu), masks: masks.every(Boolean) });
    this.showState(Boolean(hu), masks.every(Boolean));
    this.linkDownloads();
    if (hu) this.root.dataset.shown = this.z;
    this.root.dataset.masksShown = String(Boolean(hu) && masks.every(Boolean));
  }

  /** Loading, or what went wrong with the slice that should be on the screen. */
  showState(ready, masksReady) {
    const stacks = [this.volume, ...this.masks];
    const problem = stacks.map((stack) => this.loader.problems.get(stack.key(this.z))).find(Boolean);
    this.part("loading").hidden = ready || Boolean(problem);
    this.part("mask-loading").hidden = !ready || masksReady || Boolean(problem);
    const box = this.part("problem");
    box.hidden = !problem;
    if (!problem) return;
    this.part("problem-text").textContent = this.words(problem, ready);
    this.part("retry").hidden = problem.kind === "session";
    this.part("login").hidden = problem.kind !== "session";
  }

  words(problem, imageReady) {
    const texts = {
      session: gettext("Your session has ended."),
      gone: gettext("This image is no longer here, or you may not see it any more."),
      damaged: gettext("This slice arrived damaged."),
      network: imageReady
        ? gettext("The mask of this slice could not be loaded.")
        : gettext("This slice could not be loaded. Check the network."),
    };
    return texts[problem.kind] ?? texts.network;
  }

  retry() {
    this.loader.retry();
    this.showSlice();
  }

  sliceFromAddress() {
    const found = /^#z=(\d+)$/.exec(window.location.hash);
    return found ? Number(found[1]) : null;
  }

  rememberInAddress() {
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => {
      history.replaceState(history.state, "", `#z=${this.z}`);
      for (const link of this.parts("keep-slice")) link.hash = `#z=${this.z}`;
    }, 150);
  }

  linkDownloads() {
    for (const link of this.parts("slice-link")) {
      const address = new URL(link.href);
      address.searchParams.set("z", this.z);
      link.href = address;
    }
  }

  // --- controls ----------------------------------------------------------------------------------------------------

  addStrip() {
    const canvas = this.part("strip");
    const known = this.config.mask_urls.filter(({ areas_px: areas }) => areas?.length === this.config.depth);
    if (!canvas || !known.length || this.config.depth < 2) return;
    canvas.closest("[data-viewer='strip-box']").hidden = false;
    const colours = this.config.compare ? [COLOURS.missed, COLOURS.extra] : [COLOURS.mask];
    const areas = known.map(({ areas_px: list }) => list);
    this.strip = new Strip(canvas, areas, this.config.depth, { colours, onPick: (z) => this.goTo(z) });
  }

  addControls() {
    const { canvas, stage } = this;
    const commands = {
      step: (by) => this.step(by),
      zoom: (factor, x, y) => stage.zoomBy(factor, x, y),
      pan: (dx, dy) => stage.panBy(dx, dy),
      windowBy: (dx, dy) => this.windowBy(dx, dy),
      isZoomed: () => stage.view.zoom > 1,
      hover: (x, y) => this.readout.hover(x, y),
      leave: () => this.readout.leave(),
    };
    listenToWheel(canvas, commands);
    listenToPointers(canvas, commands);
    stage.onView = ({ zoom }) => canvas.classList.toggle("is-zoomed", zoom > 1);
    this.part("slider").addEventListener("input", (event) => this.goTo(Number(event.target.value)));
    this.part("opacity")?.addEventListener("input", (event) => stage.set({ opacity: Number(event.target.value) / 100 }));
    this.part("overlay")?.addEventListener("click", () => this.toggle("overlay"));
    this.part("outline")?.addEventListener("click", () => this.toggle("outline"));
    for (const button of this.parts("preset")) button.addEventListener("click", () => this.usePreset(button.value));
    const clicks = {
      "zoom-in": () => stage.zoomBy(1.25), "zoom-out": () => stage.zoomBy(0.8), fit: () => stage.fit(),
      previous: () => this.step(-1), next: () => this.step(1), largest: () => this.goToLargest(),
      help: () => this.part("help-dialog").showModal(), retry: () => this.retry(),
    };
    for (const [name, command] of Object.entries(clicks)) this.part(name)?.addEventListener("click", command);
    listenToKeys(this.keymap(clicks));
  }

  keymap(clicks) {
    const presets = Object.fromEntries(["bone", "soft", "lung", "full"].map((name, i) => [i + 1, () => this.usePreset(name)]));
    return {
      ArrowUp: () => this.step(1), ArrowRight: () => this.step(1), ArrowDown: () => this.step(-1),
      ArrowLeft: () => this.step(-1), PageUp: () => this.step(10), PageDown: () => this.step(-10),
      Home: () => this.goTo(0), End: () => this.goTo(this.config.depth - 1),
      "Shift+ArrowUp": () => this.windowBy(0, -10), "Shift+ArrowDown": () => this.windowBy(0, 10),
      "Shift+ArrowLeft": () => this.windowBy(-10, 0), "Shift+ArrowRight": () => this.windowBy(10, 0),
      o: () => this.toggle("overlay"), " ": () => this.toggle("overlay"), l: () => this.toggle("outline"),
      ",": () => this.fade(-10), ".": () => this.fade(10),
      "+": clicks["zoom-in"], "=": clicks["zoom-in"], "-": clicks["zoom-out"], f: clicks.fit,
      m: clicks.largest, "?": clicks.help, ...presets,
    };
  }

  usePreset(name) {
    const window = this.windows[name];
    if (!window) return;
    this.stage.set({ window: { ...window } });
    this.markPreset(name);
  }

  /** Drag right: wider, less contrast; drag up: lower centre, brighter. */
  windowBy(dx, dy) {
    const { center, width } = this.stage.look.window;
    const pace = Math.max(1, width / 500);
    this.stage.set({ window: { center: Math.round(center + dy * pace), width: Math.max(1, Math.round(width + dx * pace)) } });
    this.markPreset(null);
  }

  markPreset(name) {
    for (const button of this.parts("preset")) button.setAttribute("aria-pressed", String(button.value === name));
    const { center, width } = this.stage.look.window;
    this.part("window").textContent = interpolate(gettext("C %(center)s W %(width)s"), { center: number(center), width: number(width) });
  }

  /** Overlay or outline on and off. */
  toggle(name) {
    const button = this.part(name);
    if (!button) return;
    const on = !this.stage.look[name];
    this.stage.set({ [name]: on });
    button.setAttribute("aria-pressed", String(on));
  }

  fade(by) {
    const slider = this.part("opacity");
    if (!slider) return;
    slider.value = Number(slider.value) + by;
    this.stage.set({ opacity: Number(slider.value) / 100 });
  }

  goToLargest() {
    const areas = this.config.mask_urls[0]?.areas_px;
    if (areas?.length) this.goTo(areas.indexOf(Math.max(...areas)));
  }
}

for (const root of document.querySelectorAll("[data-viewer-root]")) {
  const viewer = new Viewer(root);
  if (viewer.canvas.getContext("2d")) viewer.start();
  else viewer.cannotDraw();
}
