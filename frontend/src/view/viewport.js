// One view of the series: a plane, the slice it shows, how it is turned, zoomed and moved, and what lies over it.
import { anchorsOf } from "../core/regions.js";
import { namesAlike } from "../data/layer.js";
import { paintDifference, paintGrey, paintLabels } from "./paint.js";

const MOST_ZOOM = 30;
const PIXELATED_FROM = 4;
const EMPTY_HU = -32_768;

export class Viewport {
  /**
   * @param {HTMLElement} element holds the canvases `.view-image` and `.view-marks`
   * @param {object} scene shared by all views: volume, layers(view), table, difference() ([a, b] or null),
   *   opacity and outline of the difference, drawMarks()
   */
  constructor(element, plane, scene) {
    Object.assign(this, { element, scene });
    this.canvas = element.querySelector(".view-image");
    this.marks = element.querySelector(".view-marks");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.marksContext = this.marks.getContext("2d");
    this.buffer = document.createElement("canvas");
    this.bufferContext = this.buffer.getContext("2d", { alpha: false });
    /** How the picture is turned, zoomed and moved, and which slice it is. Two views in sync share one. */
    this.pose = { turn: { rotate: 0, flip: false }, place: { zoom: 1, x: 0, y: 0 }, k: Math.floor(plane.count / 2) };
    /** Another view of the same pose: whatever is painted anew here is so there. */
    this.partner = null;
    this.usePlane(plane);
    new ResizeObserver(() => this.resize()).observe(element);
    this.resize();
  }

  usePlane(plane) {
    this.complete = false;
    this.stale = { hu: true, pixels: true };
    if (this.plane === plane) return;
    this.plane = plane;
    [this.buffer.width, this.buffer.height] = [plane.width, plane.height];
    this.data = this.bufferContext.createImageData(plane.width, plane.height);
    this.pixels = new Uint32Array(this.data.data.buffer);
    this.hu = new Int16Array(plane.width * plane.height);
    this.labels = [0, 1, 2].map(() => new Uint8Array(this.hu.length));
    this.named = null;
  }

  get k() {
    return this.pose.k;
  }

  get turn() {
    return this.pose.turn;
  }

  get place() {
    return this.pose.place;
  }

  get isShown() {
    return this.canvas.clientWidth > 0 && this.canvas.clientHeight > 0;
  }

  // --- what is shown -----------------------------------------------------------------------------------------------
  show(k) {
    if (k !== this.k) this.stale.hu = true;
    this.pose.k = k;
    this.refresh({ hu: this.stale.hu });
  }

  /** Paint again in the next frame: after new slices (`hu`), changed masks or windows (`pixels`), or only marks. */
  refresh(what = {}) {
    this.refreshThis(what);
    this.partner?.refreshThis(what);
  }

  refreshThis({ hu = false, pixels = true }) {
    this.stale.hu ||= hu;
    this.stale.pixels ||= pixels || hu;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  refreshMarks() {
    this.refreshTheseMarks();
    this.partner?.refreshTheseMarks();
  }

  refreshTheseMarks() {
    this.marksFrame ??= requestAnimationFrame(() => {
      this.marksFrame = null;
      this.paintMarks();
    });
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.element.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.element.clientHeight * ratio));
    this.ratio = ratio;
    if (this.canvas.width === width && this.canvas.height === height) return;
    for (const canvas of [this.canvas, this.marks]) [canvas.width, canvas.height] = [width, height];
    if (this.isShown) this.paint();
  }

  paint() {
    if (!this.isShown) return;
    if (this.stale.hu) this.complete = this.scene.volume.cut(this.plane, this.k, this.hu, EMPTY_HU);
    if (this.stale.pixels || this.stale.hu) {
      this.paintPixels();
      this.named = null;
    }
    this.stale = { hu: false, pixels: false };
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    const matrix = this.matrix();
    context.setTransform(matrix);
    const scale = Math.hypot(matrix.a, matrix.b);
    context.imageSmoothingEnabled = scale < PIXELATED_FROM * this.ratio;
    context.imageSmoothingQuality = scale < 1 ? "high" : "low";
    // Pixel centres have whole coordinates, so the picture starts half a pixel before 0.
    context.drawImage(this.buffer, -0.5, -0.5);
    this.paintMarks();
  }

  paintPixels() {
    const { plane, pixels } = this;
    paintGrey(pixels, this.hu, this.scene.table);
    const pair = this.scene.difference();
    if (pair) {
      const there = pair.map((layer, index) => layer.cut(plane, this.k, this.labels[index]));
      const { width, height } = plane;
      const { opacity, outline } = this.scene;
      const [first, second, kinds] = this.labels;
      const named = namesAlike(...pair);
      if (there.every(Boolean)) paintDifference(pixels, [first, second], { width, height, opacity, outline, named }, kinds);
    } else {
      for (const layer of this.scene.layers(this)) this.paintLayer(layer);
    }
    this.bufferContext.putImageData(this.data, 0, 0);
  }

  paintLayer(layer) {
    const [labels] = this.labels;
    layer.cut(this.plane, this.k, labels);
    paintLabels(this.pixels, labels, this.plane, layer.structures.paint(layer));
  }

  /** The short names of the structures in this picture, of the masks that have several; [] in a difference. */
  names() {
    this.named ??= this.scene.difference() ? [] : this.scene.layers(this).flatMap((layer) => this.namesOf(layer));
    return this.named;
  }

  namesOf(layer) {
    const { structures } = layer;
    if (structures.isSingle) return [];
    const { width, height } = this.plane;
    const [labels] = this.labels;
    layer.cut(this.plane, this.k, labels);
    const shown = [...anchorsOf(labels, width, height)].map(([value, at]) => ({ one: structures.of(value), at }));
    return shown.filter(({ one }) => one?.visible).map(({ one, at }) => ({ text: one.short, at }));
  }

  paintMarks() {
    const { marksContext: context, marks } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, marks.width, marks.height);
    this.scene.drawMarks(this, context);
  }

  // --- where a pixel is on the screen ------------------------------------------------------------------------------
  /** Canvas pixels per picture pixel at this zoom, before turning. */
  scale() {
    const { plane } = this;
    const unit = Math.min(plane.su, plane.sv);
    const [wide, high] = [(plane.width * plane.su) / unit, (plane.height * plane.sv) / unit];
    const [w, h] = this.turn.rotate % 180 ? [high, wide] : [wide, high];
    const fit = Math.min(this.canvas.width / w, this.canvas.height / h) * this.place.zoom;
    return { u: (fit * plane.su) / unit, v: (fit * plane.sv) / unit };
  }

  /** From picture pixels to canvas pixels. */
  matrix() {
    const { u, v } = this.scale();
    const { ratio, canvas, plane, place, turn } = this;
    return new DOMMatrix()
      .translate(canvas.width / 2 + place.x * ratio, canvas.height / 2 + place.y * ratio)
      .scale(turn.flip ? -1 : 1, 1)
      .rotate(turn.rotate)
      .scale(u, v)
      .translate(-(plane.width - 1) / 2, -(plane.height - 1) / 2);
  }

  /** Picture coordinates [u, v], not rounded, under CSS pixels of the view. */
  pictureAt(cssX, cssY) {
    const point = this.matrix()
      .inverse()
      .transformPoint(new DOMPoint(cssX * this.ratio, cssY * this.ratio));
    return [point.x, point.y];
  }

  /** CSS pixels of picture coordinates. */
  screenAt(u, v) {
    const point = this.matrix().transformPoint(new DOMPoint(u, v));
    return [point.x / this.ratio, point.y / this.ratio];
  }

  /** The voxel [x, y, z] under CSS pixels, or null outside of the picture. */
  voxelAt(cssX, cssY) {
    const [u, v] = this.pictureAt(cssX, cssY).map(Math.round);
    const inside = u >= 0 && v >= 0 && u < this.plane.width && v < this.plane.height;
    return inside ? this.plane.toVoxel(u, v, this.k) : null;
  }

  // --- zoom, pan, turn ---------------------------------------------------------------------------------------------
  fit() {
    this.pose.place = { zoom: 1, x: 0, y: 0 };
    this.refresh({ pixels: false });
  }

  /** Zoom, keeping the point at CSS pixels (x, y) where it is. */
  zoomBy(factor, x = this.element.clientWidth / 2, y = this.element.clientHeight / 2) {
    const zoom = Math.max(0.5, Math.min(MOST_ZOOM, this.place.zoom * factor));
    const change = zoom / this.place.zoom;
    const [dx, dy] = [x - this.element.clientWidth / 2, y - this.element.clientHeight / 2];
    this.pose.place = { zoom, x: dx - (dx - this.place.x) * change, y: dy - (dy - this.place.y) * change };
    this.refresh({ pixels: false });
  }

  panBy(dx, dy) {
    this.place.x += dx;
    this.place.y += dy;
    this.refresh({ pixels: false });
  }

  turnBy(degrees) {
    this.turn.rotate = (this.turn.rotate + (this.turn.flip ? -degrees : degrees) + 360) % 360;
    this.refresh({ pixels: false });
  }

  flip() {
    this.turn.flip = !this.turn.flip;
    this.refresh({ pixels: false });
  }

  /** The patient's sides at the left, right, top and bottom of the view as it is turned now. */
  letters() {
    const [left, right, top, bottom] = this.plane.letters();
    const { rotate, flip } = this.turn;
    const sides = [top, right, bottom, left];
    const turned = sides.map((_, i) => sides[(i - rotate / 90 + 4) % 4]);
    const [t, r, b, l] = turned;
    return flip ? { left: r, right: l, top: t, bottom: b } : { left: l, right: r, top: t, bottom: b };
  }
}
