// The picture on the screen: windowing, overlay, zoom and pan. One repaint at most for each frame.
import {
  CLASSES, COLOURS, buildTable, classesOfMask, classesOfPair, countClasses, outline, paintClasses, paintPlain,
} from "./pixels.js";

const MOST_ZOOM = 20;
const PIXELATED_FROM = 6;

export class Stage {
  /** @param {HTMLCanvasElement} canvas @param {{width, height, spacing: [number, number, number]}} image */
  constructor(canvas, image, { compare = false } = {}) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.image = image;
    this.compare = compare;
    this.buffer = document.createElement("canvas");
    this.buffer.width = image.width;
    this.buffer.height = image.height;
    this.bufferContext = this.buffer.getContext("2d", { alpha: false });
    this.data = this.bufferContext.createImageData(image.width, image.height);
    this.pixels = new Uint32Array(this.data.data.buffer);
    this.classes = new Uint8Array(image.width * image.height);
    this.edges = new Uint8Array(this.classes.length);
    this.tables = Array.from({ length: CLASSES }, () => new Uint32Array(65_536));
    this.look = { window: { center: 400, width: 1800 }, opacity: 0.45, overlay: true, outline: false };
    this.view = { zoom: 1, x: 0, y: 0 };
    this.slice = null;
    this.stale = { tables: true, pixels: true };
    this.onView = () => {};
    this.onPaint = () => {};
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  /** Change window {center, width}, opacity 0..1, overlay or outline. */
  set(changes) {
    Object.assign(this.look, changes);
    this.stale.tables ||= "window" in changes || "opacity" in changes || "outline" in changes;
    this.stale.pixels = true;
    this.ask();
  }

  /** Show a slice: `hu` and a list of masks, each an array or null while it is not there. */
  show(hu, masks) {
    this.slice = { hu, masks, classes: null, counts: null };
    this.stale.pixels = true;
    this.ask();
  }

  /** Nothing is shown rather than a picture that belongs to another slice. */
  blank() {
    this.slice = null;
    this.ask();
  }

  /** How many pixels of the shown slice have each class, or null while the masks are not there. */
  counts() {
    return this.classify() ? (this.slice.counts ??= countClasses(this.classes)) : null;
  }

  ask() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    const width = Math.max(1, Math.round(box.width * ratio));
    const height = Math.max(1, Math.round(box.height * ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.ratio = ratio;
    this.paint();
  }

  /** Canvas pixels per image pixel, x and y; they differ when the voxels are not square. */
  scale() {
    const [, sy, sx] = this.image.spacing;
    const unit = Math.min(sx, sy);
    const wide = (this.image.width * sx) / unit;
    const high = (this.image.height * sy) / unit;
    const fit = Math.min(this.canvas.width / wide, this.canvas.height / high) * this.view.zoom;
    return { x: (fit * sx) / unit, y: (fit * sy) / unit };
  }

  origin(scale = this.scale()) {
    return {
      x: (this.canvas.width - this.image.width * scale.x) / 2 + this.view.x * this.ratio,
      y: (this.canvas.height - this.image.height * scale.y) / 2 + this.view.y * this.ratio,
    };
  }

  paint() {
    const { context, canvas } = this;
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (!this.slice) return;
    if (this.stale.tables) this.rebuildTables();
    if (this.stale.pixels) this.paintPixels();
    const scale = this.scale();
    const origin = this.origin(scale);
    context.imageSmoothingEnabled = scale.x < PIXELATED_FROM * this.ratio;
    context.imageSmoothingQuality = scale.x < 1 ? "high" : "low";
    context.drawImage(this.buffer, origin.x, origin.y, this.image.width * scale.x, this.image.height * scale.y);
    this.onPaint();
  }

  rebuildTables() {
    const { window, opacity } = this.look;
    const colours = this.compare ? [null, COLOURS.missed, COLOURS.extra, COLOURS.agreed] : [null, COLOURS.mask];
    const strength = this.look.outline ? 1 : opacity;
    colours.forEach((colour, index) => buildTable(window, colour, strength, this.tables[index]));
    this.stale.tables = false;
  }

  paintPixels() {
    if (this.look.overlay && this.classify()) {
      const { width, height } = this.image;
      const classes = this.look.outline ? outline(this.classes, width, height, this.edges) : this.classes;
      paintClasses(this.pixels, this.slice.hu, classes, this.tables);
    } else {
      paintPlain(this.pixels, this.slice.hu, this.tables[0]);
    }
    this.bufferContext.putImageData(this.data, 0, 0);
    this.stale.pixels = false;
  }

  /** Fill `classes` for the shown slice, once; false while a mask is not there. */
  classify() {
    const { slice } = this;
    if (!slice || !slice.masks.length || slice.masks.some((mask) => !mask)) return false;
    if (!slice.classes) {
      if (this.compare) classesOfPair(slice.masks[0], slice.masks[1], this.classes);
      else classesOfMask(slice.masks[0], this.classes);
      slice.classes = true;
    }
    return true;
  }

  // --- zoom and pan ------------------------------------------------------------------------------------------------

  fit() {
    this.view = { zoom: 1, x: 0, y: 0 };
    this.moved();
  }

  /** Zoom by `factor`, keeping the point at CSS pixels `(x, y)` of the canvas where it is. */
  zoomBy(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const zoom = Math.max(1, Math.min(MOST_ZOOM, this.view.zoom * factor));
    const change = zoom / this.view.zoom;
    const fromMiddle = { x: x - this.canvas.clientWidth / 2, y: y - this.canvas.clientHeight / 2 };
    this.view = {
      zoom,
      x: fromMiddle.x - (fromMiddle.x - this.view.x) * change,
      y: fromMiddle.y - (fromMiddle.y - this.view.y) * change,
    };
    this.moved();
  }

  panBy(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.moved();
  }

  moved() {
    const scale = this.scale();
    const limit = (size, room) => Math.max(0, (size - room) / 2) / this.ratio;
    const wide = limit(this.image.width * scale.x, this.canvas.width);
    const high = limit(this.image.height * scale.y, this.canvas.height);
    this.view.x = Math.max(-wide, Math.min(wide, this.view.x));
    this.view.y = Math.max(-high, Math.min(high, this.view.y));
    this.onView(this.view);
    this.ask();
  }

  /** The image pixel `{x, y}` under CSS pixels of the canvas, or null outside of the image. */
  pixelAt(cssX, cssY) {
    const scale = this.scale();
    const origin = this.origin(scale);
    const x = Math.floor((cssX * this.ratio - origin.x) / scale.x);
    const y = Math.floor((cssY * this.ratio - origin.y) / scale.y);
    const inside = x >= 0 && y >= 0 && x < this.image.width && y < this.image.height;
    return inside ? { x, y } : null;
  }
}
