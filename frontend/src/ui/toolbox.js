// The tool in the hand: what a press, a drag or the Enter key does in a view.
import { gettext, interpolate } from "../../../static/js/i18n.js";
import { number } from "../../../static/js/format.js";
import { POINTS } from "./measuring.js";
import { THROUGH } from "./regions.js";
import { fillPolygon, growFrom, stroke } from "../edit/tools.js";

const BRUSHES = ["brush", "eraser"];
const POLYGONS = ["polygon", "scissors", ...THROUGH];
const CORRECTING = [...BRUSHES, ...POLYGONS, "grow", "rename-region", "split"];
const CLOSE_PX = 10;
const CLICK_PX = 4;

export class Toolbox {
  /** @param {import("../reader.js").Reader} reader */
  constructor(reader) {
    this.reader = reader;
    this.name = "navigate";
    this.corners = [];
    this.points = [];
    this.taken = [];
    this.hovered = null;
    this.pressed = null;
  }

  get isBrush() {
    return BRUSHES.includes(this.name);
  }

  get corrects() {
    return CORRECTING.includes(this.name);
  }

  get erases() {
    return ["eraser", "scissors", "cut-through"].includes(this.name);
  }

  get brush() {
    const { radius, ball, threshold, low, high } = this.reader.look;
    return { radius, ball, erase: this.erases, range: threshold && !this.erases ? [low, high] : null };
  }

  take(name) {
    if (this.pressed) this.cancel();
    [this.name, this.corners, this.points, this.taken] = [name, [], [], []];
    this.reader.toolTaken(name);
  }

  // --- pointers ----------------------------------------------------------------------------------------------------
  /** @param {[number, number]} at picture coordinates @returns {void} */
  down(view, at, event) {
    this.pressed = { view, at, from: at, x: event.offsetX, y: event.offsetY };
    if (this.name === "navigate") this.reader.pointTo(view, at);
    else if (this.corrects && !this.mayCorrectIn(view)) this.pressed = null;
    else if (this.isBrush) this.startStroke(view, at, event);
    else if (POINTS[this.name]) this.addPoint(view, at);
  }

  mayCorrectIn(view) {
    const isTwin = view === this.reader.comparing.twin;
    if (isTwin) this.reader.say(gettext("This pane shows the compared mask. Draw in the pane beside it."));
    return !isTwin && this.reader.mayDrawNow({ erase: this.erases });
  }

  move(view, at, event) {
    if (!this.pressed || this.pressed.view !== view) return;
    if (this.name === "navigate") this.reader.pointTo(view, at);
    else if (this.isBrush) this.draw(at, event);
    if (this.pressed) this.pressed.at = at;
  }

  up(view, at, event) {
    const { pressed } = this;
    this.pressed = null;
    if (!pressed) return;
    const moved = Math.hypot(event.offsetX - pressed.x, event.offsetY - pressed.y) > CLICK_PX;
    if (this.isBrush) this.reader.strokeDone();
    else if (POLYGONS.includes(this.name)) this.addCorner(view, at);
    else if (this.name === "grow") this.growAt(view, at);
    else if (this.name === "rename-region") this.reader.regions.renameAt(view, at);
    else if (POINTS[this.name] === 2 && moved && this.points.length === 1) this.addPoint(view, at);
  }

  hover(view, at) {
    this.hovered = { view, at };
    view.refreshMarks();
  }

  leave(view) {
    this.hovered = null;
    view.refreshMarks();
  }

  /** Stop what was begun: a stroke is taken back, corners and points are forgotten. */
  cancel() {
    if (this.pressed && this.isBrush) {
      this.reader.editor.cancel();
      this.reader.masksChanged([]);
    }
    const had = this.pressed || this.corners.length || this.points.length;
    [this.pressed, this.corners, this.points, this.taken] = [null, [], [], []];
    this.shapeChanged();
    return Boolean(had);
  }

  // --- the undo of a shape in progress -----------------------------------------------------------------------------
  get canTakeBack() {
    return this.corners.length + this.points.length > 0;
  }

  get canPutBack() {
    return this.taken.length > 0;
  }

  /** Take back a stroke that is being drawn, or the last corner or point, where it is seen. @returns whether there was any */
  takeBack() {
    if (this.pressed && this.isBrush) return this.cancel();
    if (!this.canTakeBack) {
      this.taken = [];
      return false;
    }
    this.taken.push(this.inProgress.pop());
    this.goToShape();
    return true;
  }

  /** Set the corner or point again that was taken back last. */
  putBack() {
    if (!this.taken.length) return false;
    this.inProgress.push(this.taken.pop());
    this.goToShape();
    return true;
  }

  /** Corners or points, whichever the tool in the hand sets. */
  get inProgress() {
    return POLYGONS.includes(this.name) ? this.corners : this.points;
  }

  goToShape() {
    const [view, k] = POLYGONS.includes(this.name) ? [this.polygonView, this.polygonSlice] : [this.measureView, this.measureSlice];
    if (view.k !== k) this.reader.moveAlong(view.plane.axis, k);
    this.shapeChanged();
  }

  shapeChanged() {
    this.reader.refreshMarks();
    this.reader.panels?.showState();
  }

  // --- the Enter key: the tool at the crosshair --------------------------------------------------------------------
  /** `fromLast`: a brush draws on from where the Enter key was pressed last in this picture. */
  useAtCrosshair({ fromLast = false } = {}) {
    const view = this.reader.active;
    const [u, v] = view.plane.fromVoxel(...this.reader.voxel);
    if (this.corrects && !this.reader.mayDrawNow({ erase: this.erases })) return;
    if (this.isBrush) this.dab(view, [u, v], fromLast);
    else if (POLYGONS.includes(this.name)) this.addCorner(view, [u, v]);
    else if (this.name === "grow") this.growAt(view, [u, v]);
    else if (this.name === "rename-region") this.reader.regions.renameAt(view, [u, v]);
    else if (POINTS[this.name]) this.addPoint(view, [u, v]);
  }

  dab(view, at, fromLast) {
    const { lastDab } = this;
    const from = fromLast && lastDab?.view === view && lastDab.k === view.k ? lastDab.at : at;
    this.lastDab = { view, k: view.k, at };
    this.pressed = { view, at: from };
    this.startStroke(view, at, { timeStamp: performance.now() });
    this.pressed = null;
    this.reader.strokeDone();
  }

  // --- brush -------------------------------------------------------------------------------------------------------
  startStroke(view, at, event) {
    this.reader.editor.begin({ plane: view.plane, k: view.k, value: this.reader.structures.active });
    this.draw(at, event);
  }

  draw(to, event) {
    const { view, at } = this.pressed;
    const { editor, volume } = this.reader;
    const complete = stroke({ editor, volume, plane: view.plane, k: view.k, from: at, to, brush: this.brush });
    if (!complete) this.reader.say(gettext("A slice under the brush is still loading and was not changed. Draw there again in a moment."));
    this.reader.strokeMoved(view, event.timeStamp);
  }

  // --- polygon -----------------------------------------------------------------------------------------------------
  addCorner(view, at) {
    if (this.polygonView !== view || this.polygonSlice !== view.k) this.corners = [];
    [this.polygonView, this.polygonSlice] = [view, view.k];
    if (this.corners.length > 2 && isNear(view, at, this.corners[0])) return this.closePolygon();
    this.corners.push(at);
    this.taken = [];
    return this.shapeChanged();
  }

  closePolygon() {
    const { corners, polygonView: view } = this;
    [this.corners, this.taken] = [[], []];
    if (corners.length < 3 || !this.reader.mayDrawNow({ erase: this.erases })) return view?.refreshMarks();
    if (THROUGH.includes(this.name)) {
      view.refreshMarks();
      return this.reader.regions.cutThrough(view, corners, this.name);
    }
    const { editor, volume } = this.reader;
    const complete = fillPolygon({ editor, volume, plane: view.plane, k: view.k, corners, brush: this.brush });
    if (!complete) this.reader.say(gettext("A slice of the mask is still loading. Try again in a moment."));
    view.refreshMarks();
  }

  // --- region ------------------------------------------------------------------------------------------------------
  growAt(view, at) {
    const [u, v] = at.map(Math.round);
    if (u < 0 || v < 0 || u >= view.plane.width || v >= view.plane.height) return;
    const { editor, volume, look } = this.reader;
    const grown = growFrom({ editor, volume, plane: view.plane, k: view.k, at: [u, v], tolerance: look.tolerance });
    if (!grown) this.reader.say(gettext("This slice is still loading. Try again in a moment."));
    else if (!grown.complete) this.reader.say(gettext("The region extends into slices that are not loaded yet. Go there and grow again."));
    else this.reader.say(interpolate(gettext("%(n)s pixels marked."), { n: number(grown.count) }));
  }

  // --- measuring ---------------------------------------------------------------------------------------------------
  addPoint(view, at) {
    if (this.measureView !== view || this.measureSlice !== view.k) this.points = [];
    [this.measureView, this.measureSlice] = [view, view.k];
    this.points.push(at);
    this.taken = [];
    this.shapeChanged();
    if (this.points.length < POINTS[this.name]) return;
    const { points } = this;
    this.points = [];
    this.reader.panels.showState();
    if (this.name === "split") this.reader.regions.split(view, points);
    else this.reader.measuring.finish(this.name, view, points);
  }
}

function isNear(view, a, b) {
  const [ax, ay] = view.screenAt(...a);
  const [bx, by] = view.screenAt(...b);
  return Math.hypot(ax - bx, ay - by) < CLOSE_PX;
}
