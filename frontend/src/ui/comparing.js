// Two masks against each other: painted as their difference, or each in a pane of its own, side by side.
import { gettext } from "../../../static/js/i18n.js";
import { Viewport } from "../view/viewport.js";
import { showLayout } from "./look.js";
import { titleOf } from "./masklist.js";

export class Comparing {
  /** @param {import("../reader.js").Reader} reader */
  constructor(reader) {
    this.reader = reader;
    /** null, "difference" or "pair" */
    this.mode = null;
  }

  get isOn() {
    return this.mode !== null;
  }

  get isPaired() {
    return this.mode === "pair";
  }

  start(scene) {
    const { root, views } = this.reader;
    this.twin = new Viewport(root.querySelector("[data-view=twin]"), views[0].plane, scene);
  }

  /** An address with `compare` opens the difference of two masks. */
  openAsAsked() {
    const { reader } = this;
    const other = reader.layerAsked("compare");
    if (!other || other === reader.editor.layer) return;
    reader.other = other;
    this.mode = "difference";
  }

  toggle(mode) {
    this.show(this.mode === mode ? null : mode);
  }

  show(mode) {
    const { reader } = this;
    if (mode && !reader.other) reader.say(gettext("There is no other mask to compare with."));
    this.mode = reader.other ? mode : null;
    this.arrange();
    const { layout, active } = reader;
    if (!this.isPaired && layout !== "three" && layout !== active.plane.name) showLayout(reader, active.plane.name);
    reader.wish();
    reader.refreshAll();
  }

  /** The active view and its twin beside each other, as one place in the same plane. */
  arrange() {
    const { root, views, active } = this.reader;
    for (const view of views) view.partner = null;
    this.twin.partner = null;
    delete root.dataset.pair;
    if (!this.isPaired) return;
    root.dataset.pair = active.plane.name;
    [this.twin.partner, active.partner] = [active, this.twin];
    this.twin.usePlane(active.plane);
    this.twin.pose = active.pose;
    active.refresh({ hu: true });
  }

  /** The view that a hand in `view` works with: the twin is the active view seen with other marks. */
  ownerOf(view) {
    return view === this.twin ? this.reader.active : view;
  }

  // --- what is painted ---------------------------------------------------------------------------------------------
  /** The two masks whose difference is painted, or null. */
  get painted() {
    const { other, editor } = this.reader;
    return this.mode === "difference" && other ? [other, editor.layer] : null;
  }

  /** Masks to paint in a view, in order; a pane of two shows its own even when the list has it hidden. */
  layersOn(view) {
    const { layers, other, editor } = this.reader;
    const visible = layers.filter((layer) => layer.visible);
    if (!this.isPaired || !other) return visible;
    return visible.length ? [view === this.twin ? other : editor.layer] : [];
  }

  /** Which mask a pane shows. */
  showNames() {
    const { views, other, editor } = this.reader;
    for (const view of [...views, this.twin]) {
      const layer = view === this.twin ? other : editor.layer;
      const name = view.element.querySelector("[data-part=view-mask]");
      name.hidden = !this.isPaired || !layer;
      name.textContent = layer ? titleOf(layer) : "";
      if (layer) name.style.borderColor = `rgb(${layer.colour.join(" ")})`;
    }
  }
}
