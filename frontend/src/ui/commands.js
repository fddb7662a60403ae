// What buttons and keys do. A button names its command in `data-do`; a key is in the table below.
import { gettext, interpolate } from "../../../static/js/i18n.js";
import { anchorsAround } from "../edit/anchors.js";
import { isThere } from "../edit/pictures.js";
import { clearSlice, copySlice, fillHolesOf, interpolateBetween } from "../edit/tools.js";
import { goToDisagreement, goToDoubt } from "./jumps.js";
import { letterOf, listenToKeys } from "./keys.js";
import { setMaskLook } from "./layerlook.js";
import { setLayout, setWindow, toggleCine, toggleLarge, usePreset, windowBy } from "./look.js";

const LARGEST_RADIUS = 60;
const PRESETS = ["bone", "soft", "lung", "full"];

/** @param {import("../reader.js").Reader} reader */
export function listenToControls(reader) {
  const commands = commandsOf(reader);
  const { root, toolbox } = reader;
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.do) commands[button.dataset.do]();
    if (button.dataset.tool) toolbox.take(button.dataset.tool);
    if (button.dataset.preset) usePreset(reader, button.dataset.preset);
    if (button.dataset.layoutOf) setLayout(reader, button.dataset.layoutOf);
    // After a click with the mouse, keys such as Enter belong to the picture again; who tabs keeps the place.
    const isOurs = "do tool preset layoutOf row".split(" ").some((name) => button.dataset[name]);
    if (event.detail > 0 && isOurs && !document.querySelector("dialog[open]")) reader.active.marks.focus({ preventScroll: true });
  });
  for (const input of root.querySelectorAll("[data-look]")) input.addEventListener("input", () => lookChanged(reader, input));
  root.querySelector("[data-part=slider]").addEventListener("input", (event) => reader.scrollTo(Number(event.target.value)));
  root.querySelector("[data-part=other]").addEventListener("change", (event) => {
    reader.other = reader.layers[event.target.value];
    reader.comparing.show(reader.comparing.mode);
  });
  listenToKeys(keysOf(reader, commands));
  listenToChords(reader, commands);
}

function lookChanged(reader, input) {
  const value = Number(input.value) / Number(input.dataset.scale ?? 1);
  if (!Number.isFinite(value)) return;
  if (input.dataset.look === "opacity") setMaskLook(reader, { opacity: value });
  else reader.setLook({ [input.dataset.look]: value });
}

function commandsOf(reader) {
  const { editor, toolbox } = reader;
  /** Go on only when this person may correct now; `act` gets where they work: the slice of the active view. */
  const here = () => ({ editor, plane: reader.active.plane, k: reader.active.k });
  const correcting = (act) => () => reader.mayCorrectNow() && act(here());
  /** The same for what writes the active structure. */
  const drawing = (act) => () => reader.mayDrawNow() && act(here());
  const still = () => reader.say(gettext("A slice that this needs is still loading. Try again in a moment."));
  const copyFrom = (step) =>
    correcting((place) => {
      const from = place.k + step;
      if (from >= 0 && from < place.plane.count && !copySlice({ ...place, from })) still();
    });
  const undo = correcting(() => goToStep(reader, editor.done, () => editor.undo()));
  const redo = correcting(() => goToStep(reader, editor.undone, () => editor.redo()));
  return {
    "take-back": () => toolbox.takeBack(),
    undo: () => toolbox.takeBack() || undo(),
    redo: () => toolbox.putBack() || redo(),
    save: () => reader.saving.save(),
    discard: correcting(() => window.confirm(gettext("Discard all changes since the last save?")) && reader.saving.discard()),
    "fill-holes": drawing((place) => {
      const filled = fillHolesOf(place);
      if (filled === null) still();
      else reader.say(interpolate(gettext("%(n)s pixels filled."), { n: filled }));
    }),
    "copy-previous": copyFrom(-1),
    "copy-next": copyFrom(1),
    clear: correcting((place) => clearSlice(place) || still()),
    interpolate: drawing((place) => interpolateAround(reader, place).then((done) => done || still())),
    overlay: () => reader.toggleOverlay(),
    outline: () => setMaskLook(reader, { outline: !reader.look.outline }),
    compare: () => reader.comparing.toggle("difference"),
    pair: () => reader.comparing.toggle("pair"),
    "next-difference": () => goToDisagreement(reader, 1),
    "previous-difference": () => goToDisagreement(reader, -1),
    "next-doubt": () => goToDoubt(reader, 1),
    "previous-doubt": () => goToDoubt(reader, -1),
    largest: () =>
      reader.scrollTo(editor.layer.areasOn(reader.active.plane).reduce((best, area, k, all) => (area > all[best] ? k : best), 0)),
    "pick-structure": () => reader.structureList.pick(),
    "show-structures": () => reader.structureList.showAll(),
    "show-active-only": () => reader.structureList.showActiveOnly(),
    names: () => reader.setLook({ names: !reader.look.names }),
    ball: () => reader.setLook({ ball: !reader.look.ball }),
    threshold: () => reader.setLook({ threshold: !reader.look.threshold }),
    crosshair: () => reader.setLook({ crosshair: !reader.look.crosshair }),
    invert: () => setWindow(reader, { invert: !reader.window.invert }),
    cine: () => toggleCine(reader),
    rotate: () => reader.active.turnBy(90),
    flip: () => reader.active.flip(),
    fit: () => reader.active.fit(),
    "zoom-in": () => reader.active.zoomBy(1.25),
    "zoom-out": () => reader.active.zoomBy(0.8),
    large: () => toggleLarge(reader, reader.active),
    "next-view": () => reader.turnTo(reader.views[(reader.views.indexOf(reader.active) + 1) % reader.views.length]),
    previous: () => reader.scroll(reader.active, -1),
    next: () => reader.scroll(reader.active, 1),
    ...reader.regions.commands,
    ...reader.signoff.commands,
    ...reader.comments.commands,
    retry: () => reader.retry(),
    help: () => reader.root.querySelector("[data-part=help]").showModal(),
    use: () => (toolbox.corners.length > 2 ? toolbox.closePolygon() : toolbox.useAtCrosshair()),
    "use-from-last": () => toolbox.useAtCrosshair({ fromLast: true }),
    escape: () => reader.regions.cancel() || toolbox.cancel() || toolbox.take("navigate"),
  };
}

/** Undo and redo show what they change: the slice on which the person worked, unless one of those is shown. */
function goToStep(reader, steps, act) {
  const step = steps.at(-1);
  if (!step) return;
  act();
  const { plane, k } = step.at;
  const isSeen = plane.name === "axial" && step.slices.some(({ z }) => z === reader.voxel[2]);
  if (!isSeen) reader.moveAlong(plane.axis, k);
}

/** @returns {Promise<boolean>} false when a slice that it needs is not there */
async function interpolateAround(reader, { editor, plane, k }) {
  const { layer } = editor;
  // Where the other planes are marked or changed is told by all the slices, not by their areas.
  if (plane.name !== "axial" && !isThere(layer, plane, k)) return false;
  const anchors = anchorsAround(editor, plane, k);
  if (!anchors) {
    reader.say(gettext("Nothing to interpolate: draw on a slice before and on a slice after this one first."));
    return true;
  }
  const [lower, upper] = anchors;
  if (plane.name === "axial") for (let z = lower; z <= upper; z += 1) await reader.ensure([layer], z);
  const filled = interpolateBetween({ editor, plane, k, lower, upper });
  if (filled === null) return false;
  reader.say(
    interpolate(gettext("%(n)s slices filled between %(lower)s and %(upper)s."), { n: filled, lower: lower + 1, upper: upper + 1 }),
  );
  return true;
}

function keysOf(reader, commands) {
  const { toolbox } = reader;
  const take = (name) => () => toolbox.take(name);
  const by = (steps) => () => reader.scroll(reader.active, steps);
  const preset = (name) => () => usePreset(reader, name);
  /** The `n`-th structure; where the mask has only one, the `n`-th window. */
  const nth = (n) => () => {
    if (!reader.structureList.activateNth(n) && PRESETS[n - 1]) usePreset(reader, PRESETS[n - 1]);
  };
  const resize = (factor) => () => reader.setLook({ radius: Math.min(LARGEST_RADIUS, Math.max(0.1, reader.look.radius * factor)) });
  // biome-ignore format: a table of keys
  return {
    ArrowUp: by(1), ArrowDown: by(-1), ArrowRight: by(1), ArrowLeft: by(-1), PageUp: by(10), PageDown: by(-10),
    Home: () => reader.scrollTo(0), End: () => reader.scrollTo(reader.active.plane.count - 1),
    "Shift+ArrowUp": () => windowBy(reader, 0, -10), "Shift+ArrowDown": () => windowBy(reader, 0, 10),
    "Shift+ArrowLeft": () => windowBy(reader, -10, 0), "Shift+ArrowRight": () => windowBy(reader, 10, 0),
    1: nth(1), 2: nth(2), 3: nth(3), 4: nth(4), 5: nth(5), 6: nth(6), 7: nth(7), 8: nth(8), 9: nth(9), 0: commands["pick-structure"],
    "Shift+1": preset("bone"), "Shift+2": preset("soft"), "Shift+3": preset("lung"), "Shift+4": preset("full"),
    b: take("brush"), e: take("eraser"), p: take("polygon"), x: take("scissors"), g: take("grow"), w: take("navigate"),
    a: take("length"), s: take("angle"), q: take("cobb"), r: take("rectangle"), y: take("ellipse"), v: take("height-ratio"),
    "[": resize(1 / 1.2), "]": resize(1.2), d: commands.ball, t: commands.threshold, h: commands["fill-holes"],
    u: commands["copy-previous"], k: commands.interpolate, o: commands.overlay, " ": commands.overlay, l: commands.outline,
    c: commands.compare, n: commands["next-difference"], m: commands.largest, z: commands.undo, i: commands.invert,
    ".": commands.cine, "/": commands.rotate, "\\": commands.flip, f: commands.fit, "+": commands["zoom-in"],
    "=": commands["zoom-in"], "-": commands["zoom-out"], j: commands.large, ",": commands["next-view"], "'": commands.crosshair,
    ";": commands["next-doubt"], ":": commands["next-comment"], '"': commands.comment,
    Backspace: commands["take-back"], "?": commands.help, Escape: commands.escape,
  };
}

/** Enter, and keys with Ctrl (or Cmd) and Alt: the shared listener leaves those alone. */
function listenToChords(reader, commands) {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.target.closest("textarea, select, [contenteditable]")) return;
    const command = commandFor(event, reader, commands);
    if (!command) return;
    event.preventDefault();
    command();
  });
}

function commandFor(event, reader, commands) {
  if (event.ctrlKey || event.metaKey) return withCtrl(event, commands);
  if (event.altKey) return withAlt(event, reader, commands);
  // Enter belongs to the button or link that has the focus.
  if (event.key !== "Enter" || event.target.closest("button, a, summary, input")) return null;
  return event.shiftKey ? commands["use-from-last"] : commands.use;
}

function withCtrl(event, commands) {
  if (event.key === "Enter") return event.shiftKey ? commands["next-case"] : commands.approve;
  const key = letterOf(event);
  if (key === "s") return commands.save;
  if (key === "z") return event.shiftKey ? commands.redo : commands.undo;
  return key === "y" ? commands.redo : null;
}

function withAlt(event, reader, commands) {
  const far = event.shiftKey ? 10 : 1;
  const moves = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
  if (moves[event.key]) return () => reader.nudge(...moves[event.key]);
  if (event.code === "KeyN") return commands["previous-difference"];
  if (event.code === "Semicolon") return commands[event.shiftKey ? "previous-comment" : "previous-doubt"];
  if (event.code === "KeyC") return commands.pair;
  if (event.code === "KeyR") return commands.reason;
  if (event.code === "KeyU") return commands["copy-next"];
  const ofRegions = regionKey(event.code, reader, commands);
  if (ofRegions) return ofRegions;
  const layer = reader.layers[Number(/^Digit([1-9])$/.exec(event.code)?.[1]) - 1];
  return layer ? () => reader.setVisible(layer, !layer.visible) : null;
}

/** Alt with a key, for work on the whole mask. */
function regionKey(code, { regions }, commands) {
  // biome-ignore format: a table of keys
  const names = { KeyL: "keep-largest", KeyI: "remove-small", KeyM: "smooth", BracketRight: "expand", BracketLeft: "shrink" };
  const tools = { KeyX: "cut-through", KeyP: "relabel-through", KeyA: "rename-region", KeyK: "split" };
  if (names[code]) return commands[names[code]];
  return tools[code] ? () => regions.take(tools[code]) : null;
}
