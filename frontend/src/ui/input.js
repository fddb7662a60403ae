// Hands on a view: mouse, pen and fingers.
import { listenToWheel } from "../../../static/js/viewer/input.js";
import { toggleLarge, windowBy } from "./look.js";

const TOUCH_STEP = 14;
const TAP_PX = 8;

/** @param {import("../reader.js").Reader} reader */
export function listenToView(reader, view) {
  const { marks } = view;
  const pointers = new Map();
  let mode = null;
  let touched = 0;
  let from = null;
  listenToWheel(marks, {
    step: (by) => {
      reader.activate(reader.comparing.ownerOf(view));
      reader.scroll(view, by);
    },
    zoom: (factor, x, y) => view.zoomBy(factor, x, y),
  });
  marks.addEventListener("contextmenu", (event) => event.preventDefault());
  marks.addEventListener("dblclick", () => reader.toolbox.name === "navigate" && toggleLarge(reader, view));

  marks.addEventListener("pointerdown", (event) => {
    marks.focus({ preventScroll: true });
    reader.activate(reader.comparing.ownerOf(view));
    marks.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (pointers.size === 2) {
      reader.toolbox.cancel();
      mode = "pinch";
      return;
    }
    mode = modeOf(event, reader.toolbox);
    touched = 0;
    from = { x: event.offsetX, y: event.offsetY };
    if (mode === "tool") reader.toolbox.down(view, view.pictureAt(event.offsetX, event.offsetY), event);
  });

  marks.addEventListener("pointermove", (event) => {
    const at = view.pictureAt(event.offsetX, event.offsetY);
    reader.panels.showReadout({ view, x: event.offsetX, y: event.offsetY });
    reader.toolbox.hover(view, at);
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.offsetX, y: event.offsetY };
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    pointers.set(event.pointerId, now);
    if (mode === "pinch") pinch(view, pointers, event.pointerId, before);
    else if (mode === "window") windowBy(reader, dx, dy);
    else if (mode === "pan") view.panBy(dx, dy);
    else if (mode === "tool") for (const part of partsOf(event)) reader.toolbox.move(view, view.pictureAt(part.offsetX, part.offsetY), event);
    else if (mode === "touch") {
      touched += dy;
      const steps = Math.trunc(touched / TOUCH_STEP);
      touched -= steps * TOUCH_STEP;
      if (steps) reader.scroll(view, -steps);
    }
  });

  const up = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (event.type === "pointercancel") reader.toolbox.cancel();
    else if (mode === "tool") reader.toolbox.up(view, view.pictureAt(event.offsetX, event.offsetY), event);
    else if (mode === "touch" && event.type === "pointerup" && isTap(from, event)) reader.pointTo(view, view.pictureAt(event.offsetX, event.offsetY));
    if (!pointers.size) mode = null;
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) marks.addEventListener(name, up);
  marks.addEventListener("pointerleave", () => {
    reader.toolbox.leave(view);
    reader.panels.showReadout(null);
  });
}

function modeOf(event, toolbox) {
  if (event.button === 2) return "window";
  if (event.button === 1 || event.shiftKey) return "pan";
  return toolbox.name === "navigate" && event.pointerType === "touch" ? "touch" : "tool";
}

/** A finger that only touched moves the crosshair; one that moved on has scrolled. */
function isTap(from, event) {
  return Math.hypot(event.offsetX - from.x, event.offsetY - from.y) < TAP_PX;
}

/** Every position the hand has passed since the last frame. */
function partsOf(event) {
  const parts = event.getCoalescedEvents?.() ?? [];
  return parts.length ? parts : [event];
}

function pinch(view, pointers, id, before) {
  const now = pointers.get(id);
  const other = [...pointers].find(([key]) => key !== id)?.[1];
  if (!other) return;
  const distance = (point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
  view.zoomBy(distance(now) / distance(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
  view.panBy((now.x - before.x) / 2, (now.y - before.y) / 2);
}
