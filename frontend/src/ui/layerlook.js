// How masks look: colour, opacity, filled or outlined. What a person chose for the first, second … mask of a list is
// kept for the next series; what they chose for all goes for those without a choice of their own.

const COLOURS = [
  [213, 94, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [204, 121, 167],
  [100, 143, 255],
];
/** Where the settings keep the choices for each mask (ui/look.js `LOOK`). */
const KEPT = { colour: "colours", opacity: "opacities", outline: "outlines" };

/** The look of the `i`-th mask; the palette is one that colour-blind people tell apart. */
export function lookOf(look, i) {
  return {
    colour: look.colours[i] ?? COLOURS[i % COLOURS.length],
    opacity: look.opacities[i] ?? look.opacity,
    outline: look.outlines[i] ?? look.outline,
  };
}

/** @param {{colour?: number[], opacity?: number, outline?: boolean}} changes of one mask */
export function setLayerLook(reader, layer, changes) {
  Object.assign(layer, changes);
  const i = reader.layers.indexOf(layer);
  for (const [name, value] of Object.entries(changes)) {
    reader.look[KEPT[name]] = Object.assign([], reader.look[KEPT[name]], { [i]: value });
  }
  reader.lookChanged();
}

/** @param {{opacity?: number, outline?: boolean}} changes of all masks, whatever was chosen for one of them */
export function setMaskLook(reader, changes) {
  Object.assign(reader.look, changes);
  for (const name of Object.keys(changes)) reader.look[KEPT[name]] = [];
  for (const layer of reader.layers) Object.assign(layer, changes);
  const asTheirMask = Object.fromEntries(Object.keys(changes).map((name) => [name, null]));
  for (const structures of reader.tasks.values()) for (const one of structures.list) Object.assign(one, asTheirMask);
  reader.lookChanged();
}
