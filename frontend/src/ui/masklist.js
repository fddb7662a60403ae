// The list of masks beside the picture: which one is corrected, which are seen, and how each looks.
import { gettext, interpolate } from "../../../static/js/i18n.js";
import { besideShown } from "../core/approved.js";
import { namesAlike } from "../data/layer.js";
import { setLayerLook } from "./layerlook.js";
import { localTime } from "./words.js";

export function titleOf(layer) {
  return layer.facts.label || gettext("Mask");
}

/** Who made the mask and when, as far as its name does not say it; and whether it is the approved one. */
function makerOf(layer, approved) {
  const { facts } = layer;
  const maker = facts.by_model ? !titleOf(layer).startsWith(gettext("Model")) && gettext("Model") : facts.author;
  return [maker, facts.created_at && localTime(facts.created_at), facts.id && facts.id === approved && gettext("approved")]
    .filter(Boolean)
    .join(", ");
}

/** @param {import("../reader.js").Reader} reader */
export function showMasks(reader) {
  const list = reader.root.querySelector("[data-part=masks]");
  const focused = placeOf(list, document.activeElement);
  list.replaceChildren(...reader.layers.map((layer, index) => maskRow(reader, layer, index)));
  if (focused) list.children[focused.row]?.querySelector(`[data-row="${focused.name}"]`)?.focus();
  const signed = reader.editor.layer;
  reader.root.querySelector("[data-part=mask-to-sign]").textContent = [titleOf(signed), makerOf(signed, reader.approved)]
    .filter(Boolean)
    .join(", ");
  showOthers(reader);
  showApproved(reader);
  reader.comparing.showNames();
}

/** Who works by keyboard keeps the place in the list. */
function placeOf(list, element) {
  const row = [...list.children].findIndex((item) => item.contains(element));
  return row < 0 ? null : { row, name: element.dataset.row };
}

function maskRow(reader, layer, index) {
  const row = reader.root.querySelector("[data-mask-row]").content.firstElementChild.cloneNode(true);
  const part = (name) => row.querySelector(`[data-row="${name}"]`);
  const mask = { mask: titleOf(layer) };
  part("title").textContent = mask.mask;
  part("maker").textContent = makerOf(layer, reader.approved);
  setUp(part("work"), { pressed: layer === reader.editor.layer, act: () => reader.workOn(layer) });
  const show = {
    pressed: layer.visible,
    act: () => reader.setVisible(layer, !layer.visible),
    words: interpolate(gettext("Show %(mask)s"), mask),
  };
  setUp(part("eye"), show);
  part("eye").title = `Alt+${index + 1}`;
  const outline = {
    pressed: layer.outline,
    act: () => setLayerLook(reader, layer, { outline: !layer.outline }),
    words: interpolate(gettext("Outline of %(mask)s"), mask),
  };
  setUp(part("outline"), outline);
  part("colour").hidden = !layer.structures.isSingle; // else each structure has a colour of its own
  colourField(reader, layer, part("colour"), interpolate(gettext("Colour of %(mask)s"), mask));
  opacityField(reader, layer, part("opacity"), interpolate(gettext("Opacity of %(mask)s"), mask));
  part("look").hidden = !layer.visible;
  return row;
}

function setUp(button, { pressed, act, words }) {
  button.setAttribute("aria-pressed", String(pressed));
  if (words) button.setAttribute("aria-label", words);
  button.addEventListener("click", act);
}

function colourField(reader, layer, field, words) {
  field.value = `#${layer.colour.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
  field.setAttribute("aria-label", words);
  field.addEventListener("change", () =>
    setLayerLook(reader, layer, { colour: [1, 3, 5].map((at) => parseInt(field.value.slice(at, at + 2), 16)) }),
  );
}

function opacityField(reader, layer, field, words) {
  field.value = Math.round(layer.opacity * 100);
  field.disabled = layer.outline;
  field.setAttribute("aria-label", words);
  // The pictures follow the hand; the list is built anew when it rests, so that the slider is not taken away under it.
  field.addEventListener("input", () => {
    layer.opacity = field.value / 100;
    reader.refreshViews();
  });
  field.addEventListener("change", () => setLayerLook(reader, layer, { opacity: field.value / 100 }));
}

/** The approved mask is opened: whoever sees another one is told, and so is whoever may want to see a newer one. */
function showApproved(reader) {
  const { newer, approved } = besideShown(
    reader.layers.map(({ facts }) => facts),
    reader.approved,
    reader.editor.layer.id,
  );
  const box = reader.root.querySelector("[data-part=beside]");
  const other = newer ?? approved;
  box.hidden = !other;
  if (!other) return;
  const name = [other.label || gettext("Mask"), makerOf(reader.layerSaved(other.id))].join(", ");
  const words = newer
    ? gettext("This is the approved mask. A newer one is not approved: %(name)s")
    : gettext("This is not the approved mask of the series. Approved mask: %(name)s");
  box.querySelector("[data-part=beside-text]").textContent = interpolate(words, { name });
  const button = box.querySelector("button");
  button.textContent = newer ? gettext("Show newest mask") : gettext("Show approved mask");
  button.onclick = () => reader.turnToMask(other.id);
}

function showOthers({ root, layers, editor, other }) {
  const others = layers.filter((layer) => layer !== editor.layer);
  const options = others.map((layer) => new Option(titleOf(layer), layers.indexOf(layer), false, layer === other));
  root.querySelector("[data-part=other]").replaceChildren(...options);
  root.querySelector("[data-part=comparing]").hidden = !others.length;
  root.querySelector("[data-part=relabelled]").hidden = !other || !namesAlike(other, editor.layer);
}
