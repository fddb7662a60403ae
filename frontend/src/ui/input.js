// Gestures on a view (wheel, mouse, pen and fingers), turned into a few actions.

const WHEEL_STEP = 40;
const TOUCH_STEP = 14;
const TAP_PX = 8;
const LINE_PX = 40;

/**
 * @typedef {object} Actions what gestures do on one view; positions are CSS pixels of the view
 * @property {() => void} begin before each gesture
 * @property {(event: PointerEvent) => "window"|"pan"|"touch"|"tool"|null} modeOf what a drag does; "touch" scrolls
 * @property {(slices: number) => void} step
 * @property {(factor: number, x: number, y: number) => void} zoom
 * @property {(dx: number, dy: number) => void} pan
 * @property {(dx: number, dy: number) => void} windowBy
 * @property {(x: number, y: number) => void} hover
 * @property {() => void} leave
 * @property {() => void} doubleClick
 * @property {(x: number, y: number, event: PointerEvent) => void} down with a tool; `move` and `up` alike
 * @property {() => void} cancel what the tool has begun
 * @property {(x: number, y: number) => void} tap a finger that touched and did not move
 */

/** @param {HTMLCanvasElement} canvas @param {Actions} actions */
export function listenToGestures(canvas, actions) {
  const pointers = new Map();
  let mode = null;
  let touched = 0;
  let from = null;
  listenToWheel(canvas, actions);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("dblclick", () => actions.doubleClick());

  canvas.addEventListener("pointerdown", (event) => {
    canvas.focus({ preventScroll: true });
    actions.begin();
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (pointers.size === 2) {
      actions.cancel();
      mode = "pinch";
      return;
    }
    mode = actions.modeOf(event);
    touched = 0;
    from = { x: event.offsetX, y: event.offsetY };
    if (mode === "tool") actions.down(event.offsetX, event.offsetY, event);
  });

  canvas.addEventListener("pointermove", (event) => {
    actions.hover(event.offsetX, event.offsetY);
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.offsetX, y: event.offsetY };
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    pointers.set(event.pointerId, now);
    if (mode === "pinch") pinch(actions, pointers, event.pointerId, before);
    else if (mode === "window") actions.windowBy(dx, dy);
    else if (mode === "pan") actions.pan(dx, dy);
    else if (mode === "tool") for (const part of partsOf(event)) actions.move(part.offsetX, part.offsetY, event);
    else if (mode === "touch") {
      touched += dy;
      const steps = Math.trunc(touched / TOUCH_STEP);
      touched -= steps * TOUCH_STEP;
      if (steps) actions.step(-steps);
    }
  });

  const up = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (event.type === "pointercancel") actions.cancel();
    else if (mode === "tool") actions.up(event.offsetX, event.offsetY, event);
    else if (mode === "touch" && event.type === "pointerup" && isTap(from, event)) actions.tap(event.offsetX, event.offsetY);
    if (!pointers.size) mode = null;
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) canvas.addEventListener(name, up);
  canvas.addEventListener("pointerleave", () => actions.leave());
}

/** Wheel: slices, a trackpad's small steps added up; with Ctrl (also a pinch on a trackpad) zoom. */
function listenToWheel(canvas, { begin, step, zoom }) {
  let sum = 0;
  let last = 0;
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const amount = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
      if (event.ctrlKey) return zoom(Math.exp(-amount / 200), event.offsetX, event.offsetY);
      if (event.timeStamp - last > 250 || Math.sign(amount) !== Math.sign(sum)) sum = 0;
      last = event.timeStamp;
      sum += amount;
      const steps = Math.trunc(sum / WHEEL_STEP) || (Math.abs(amount) >= WHEEL_STEP ? Math.sign(amount) : 0);
      if (!steps) return;
      sum = 0;
      begin();
      step(-Math.sign(steps) * Math.min(Math.abs(steps), Math.abs(amount) > 2 * 120 ? 5 : 1));
    },
    { passive: false },
  );
}

/** A finger that only touched; one that moved on has scrolled. */
function isTap(from, event) {
  return Math.hypot(event.offsetX - from.x, event.offsetY - from.y) < TAP_PX;
}

/** Every position the pointer has passed since the last frame. */
function partsOf(event) {
  const parts = event.getCoalescedEvents?.() ?? [];
  return parts.length ? parts : [event];
}

function pinch({ zoom, pan }, pointers, id, before) {
  const now = pointers.get(id);
  const other = [...pointers].find(([key]) => key !== id)?.[1];
  if (!other) return;
  const distance = (point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
  zoom(distance(now) / distance(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
  pan((now.x - before.x) / 2, (now.y - before.y) / 2);
}
