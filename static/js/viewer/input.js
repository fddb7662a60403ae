// What hands do: wheel, pointers (mouse, pen, fingers) and keys, turned into a few commands.

const WHEEL_STEP = 40;
const TOUCH_STEP = 14;
const LINE_PX = 40;

/** Wheel: slices, a trackpad's small steps added up; with Ctrl (also a pinch on a trackpad) zoom. */
export function listenToWheel(canvas, { step, zoom }) {
  let sum = 0;
  let last = 0;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const amount = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
    if (event.ctrlKey) return zoom(Math.exp(-amount / 200), event.offsetX, event.offsetY);
    if (event.timeStamp - last > 250 || Math.sign(amount) !== Math.sign(sum)) sum = 0;
    last = event.timeStamp;
    sum += amount;
    const steps = Math.trunc(sum / WHEEL_STEP) || (Math.abs(amount) >= WHEEL_STEP ? Math.sign(amount) : 0);
    if (!steps) return;
    sum = 0;
    step(-Math.sign(steps) * Math.min(Math.abs(steps), Math.abs(amount) > 2 * 120 ? 5 : 1));
  }, { passive: false });
}

/** Drag: pan when zoomed, else slices by touch; right button or Shift: window; two fingers: zoom and pan. */
export function listenToPointers(canvas, { step, zoom, pan, windowBy, isZoomed, hover, leave }) {
  const pointers = new Map();
  let touched = 0;
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY, button: event.button });
    touched = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    hover(event.offsetX, event.offsetY);
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = { ...before, x: event.offsetX, y: event.offsetY };
    const dx = now.x - before.x;
    const dy = now.y - before.y;
    if (pointers.size === 2) pinch(pointers, event.pointerId, now, { zoom, pan });
    else if (before.button === 2 || event.shiftKey) windowBy(dx, dy);
    else if (isZoomed()) pan(dx, dy);
    else if (event.pointerType !== "mouse") {
      touched += dy;
      const steps = Math.trunc(touched / TOUCH_STEP);
      touched -= steps * TOUCH_STEP;
      if (steps) step(-steps);
    }
    pointers.set(event.pointerId, now);
  });
  const up = (event) => pointers.delete(event.pointerId);
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) canvas.addEventListener(name, up);
  canvas.addEventListener("pointerleave", leave);
}

function pinch(pointers, id, now, { zoom, pan }) {
  const before = pointers.get(id);
  const other = [...pointers].find(([key]) => key !== id)[1];
  const distance = (point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
  zoom(distance(now) / distance(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
  pan((now.x - before.x) / 2, (now.y - before.y) / 2);
}

/**
 * The character of a key in lower case. A Korean, Greek or Cyrillic keyboard gives other letters, or "Process" while its
 * input method is on: the key's place tells which one is meant there.
 */
export function letterOf({ key, code }) {
  if (/^[\x20-\x7e]$/.test(key)) return key.toLowerCase();
  const place = /^Key([A-Z])$/.exec(code);
  return place && (key.length === 1 || key === "Process") ? place[1].toLowerCase() : key;
}

/** Keys for the whole page, except where somebody types or a control uses the key itself. */
export function listenToKeys(keymap) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (target.closest("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]")) return;
    if (event.key === " " && target.closest("button, a, summary, input")) return;
    const moves = /^(Arrow|Page|Home|End)/.test(event.key);
    if (moves && target.closest("input[type=range], input[type=radio], .menu, [role=tablist]")) return;
    const key = event.shiftKey && moves ? `Shift+${event.key}` : letterOf(event);
    const command = keymap[key];
    if (!command) return;
    event.preventDefault();
    command();
  });
}
