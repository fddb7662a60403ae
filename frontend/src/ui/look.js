// How the pictures look: window, layout, cine.
import { gettext } from "../../../static/js/i18n.js";
import { layoutFor } from "../core/layout.js";
import { greyTable } from "../view/paint.js";

const WINDOWS = {
  bone: { center: 400, width: 1800 },
  soft: { center: 40, width: 400 },
  lung: { center: -600, width: 1500 },
  full: { center: 512, width: 3072 },
};
/** What a person starts with; what they change is kept by the server (cases/models/viewer.py `ViewerSettings`). */
export const LOOK = {
  preset: "bone",
  layout: "three",
  opacity: 0.45,
  outline: false,
  radius: 5,
  ball: false,
  threshold: false,
  low: 150,
  high: 3000,
  tolerance: 120,
  crosshair: true,
  names: true,
  colours: [],
  opacities: [],
  outlines: [],
};
const CINE_FRAME_MS = 80;

export function windowOf(preset) {
  return WINDOWS[preset] ?? WINDOWS.bone;
}

/** @param {import("../reader.js").Reader} reader */
export function usePreset(reader, name) {
  reader.look.preset = name;
  setWindow(reader, windowOf(name));
  reader.keepLook();
}

/** @param {{center?: number, width?: number, invert?: boolean}} changes */
export function setWindow(reader, changes) {
  Object.assign(reader.window, changes);
  greyTable(reader.window, reader.table);
  for (const view of reader.views) view.refresh();
  reader.panels.showWindow();
}

/** Drag right: wider; drag up: brighter. */
export function windowBy(reader, dx, dy) {
  const { center, width } = reader.window;
  const pace = Math.max(1, width / 500);
  reader.look.preset = null;
  setWindow(reader, { center: Math.round(center + dy * pace), width: Math.max(1, Math.round(width + dx * pace)) });
}

/** "three", or the name of the plane that is shown alone; kept for other series, which `layoutFor` suits it to. */
export function setLayout(reader, name) {
  if (name === "three" && reader.comparing.isPaired) reader.comparing.show(null);
  if (reader.grid.depth === 1) return reader.say(gettext("This series has a single slice: only the axial view is available."));
  reader.look.layout = name;
  showLayout(reader, name);
  return reader.keepLook();
}

export function showLayout(reader, name = layoutFor(reader.grid, reader.look.layout)) {
  reader.layout = name;
  reader.root.dataset.layout = name;
  reader.activate(reader.views.find((view) => view.plane.name === name) ?? reader.active);
  for (const view of reader.views) view.refresh({ hu: true });
  reader.panels.showLook();
}

/** One view alone, or all three. */
export function toggleLarge(reader, view) {
  setLayout(reader, reader.layout === view.plane.name ? "three" : view.plane.name);
}

export function toggleCine(reader) {
  clearInterval(reader.cine);
  reader.cine = reader.cine ? null : setInterval(() => cineStep(reader), CINE_FRAME_MS);
  reader.panels.showLook();
}

/** One slice on in the active view, round and round; an axial slice that is still loading is waited for. */
function cineStep(reader) {
  const { plane, k } = reader.active;
  const next = (k + 1) % plane.count;
  if (plane.name !== "axial" || reader.volume.source.has(next)) reader.scroll(reader.active, next - k);
}
