// The list of structures beside the picture, where the task of the mask has several: colour, size, which one the tools write,
// which are seen, and which are locked.
import { number } from "../../../static/js/format.js";
import { gettext, interpolate } from "../../../static/js/i18n.js";
import { BACKGROUND, EVERYTHING } from "../core/structures.js";

/** As many as have a digit key. */
const DIGITS = 9;

export class StructureList {
  /** @param {import("../reader.js").Reader} reader */
  constructor(reader) {
    Object.assign(this, { reader, root: reader.root, rows: new Map(), shown: null });
    this.section = this.part("structures");
    this.part("over").addEventListener("change", (event) => this.setOver(event.target.value));
    this.part("task").addEventListener("change", (event) => this.setTask(event.target.value));
    const slider = this.part("structure-opacity");
    // The pictures follow the hand.
    slider.addEventListener("input", () => this.changeActive({ opacity: slider.value / 100 }));
    this.part("structure-outline").addEventListener("click", () => this.changeActive({ outline: !this.lookOfActive().outline }));
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  get structures() {
    return this.reader.structures;
  }

  // --- what is done with structures --------------------------------------------------------------------------------
  /** The tools write the structure `value` from now on; a hidden one is shown. */
  activate(value) {
    this.structures.active = value;
    this.structures.activeOne.visible = true;
    this.changed();
    this.reader.say(interpolate(gettext("Active structure: %(structure)s"), { structure: this.structures.activeOne.name }));
  }

  /** The `n`-th of the list, counted from 1; false where the mask has one structure only. */
  activateNth(n) {
    const one = this.structures.isSingle ? null : this.structures.list[n - 1];
    if (one) this.activate(one.value);
    return !this.structures.isSingle;
  }

  /** The structure under the pointer, else under the crosshair, becomes the active one. */
  pick() {
    const { reader, structures } = this;
    if (structures.isSingle) return;
    const one = structures.of(this.labelAtPointer());
    if (one?.visible) this.activate(one.value);
    else reader.say(gettext("There is no structure here."));
  }

  labelAtPointer() {
    const { panels, comparing, editor, other, grid, voxel } = this.reader;
    const under = panels.pointer?.view.voxelAt(panels.pointer.x, panels.pointer.y);
    const isTwin = under && panels.pointer.view === comparing.twin && other.structures === this.structures;
    const [x, y, z] = under ?? voxel;
    return (isTwin ? other : editor.layer).slice(z)?.[y * grid.width + x] ?? 0;
  }

  toggle(value, name) {
    const one = this.structures.of(value);
    one[name] = !one[name];
    this.changed();
  }

  showAll() {
    for (const one of this.structures.list) one.visible = true;
    this.changed();
  }

  showActiveOnly() {
    for (const one of this.structures.list) one.visible = one.value === this.structures.active;
    this.changed();
  }

  /** How the active structure looks, whatever its mask does. */
  changeActive(changes) {
    Object.assign(this.structures.activeOne, changes);
    this.changed();
  }

  lookOfActive() {
    const { layer } = this.reader.editor;
    const { opacity, outline } = this.structures.activeOne;
    return { opacity: opacity ?? layer.opacity, outline: outline ?? layer.outline };
  }

  setOver(value) {
    this.structures.over = [EVERYTHING, BACKGROUND].includes(value) ? value : Number(value);
  }

  /** A mask that is drawn from nothing is of the task `slug`. */
  setTask(slug) {
    const { reader } = this;
    const { layer } = reader.editor;
    layer.becomeOf(reader.tasks.get(slug));
    reader.refreshAll();
  }

  changed() {
    this.reader.refreshViews();
    this.reader.strip.refresh();
    this.show();
  }

  // --- what is shown -----------------------------------------------------------------------------------------------
  show() {
    const { structures } = this;
    this.showTask();
    this.section.hidden = structures.isSingle;
    this.root.dataset.structures = String(!structures.isSingle);
    this.showDigits();
    if (structures.isSingle) return;
    if (this.shown !== structures) this.build();
    this.part("over").value = String(structures.over);
    for (const one of structures.list) this.showRow(one);
    this.showSizes();
    const { opacity, outline } = this.lookOfActive();
    this.part("structure-name").textContent = structures.activeOne.name;
    this.part("structure-opacity").value = Math.round(opacity * 100);
    this.part("structure-opacity").disabled = outline;
    this.part("structure-outline").setAttribute("aria-pressed", String(outline));
  }

  /** With several structures the digits are theirs, and windows go with Shift. */
  showDigits() {
    for (const button of this.root.querySelectorAll("[data-preset]")) {
      const digit = button.title.slice(-1);
      button.title = this.structures.isSingle ? digit : `Shift+${digit}`;
    }
  }

  /** The rows of another task. */
  build() {
    const { structures } = this;
    this.shown = structures;
    this.part("structures-task").textContent = structures.name;
    const options = structures.list.map((one) => new Option(one.name, one.value));
    const kinds = [new Option(gettext("everything"), EVERYTHING), new Option(gettext("background"), BACKGROUND)];
    this.part("over").replaceChildren(...kinds, ...options);
    this.rows = new Map(structures.list.map((one, index) => [one.value, this.rowOf(one, index)]));
    this.part("structure-list").replaceChildren(...this.rows.values());
  }

  rowOf({ value, name, colour }, index) {
    const row = this.root.querySelector("[data-structure-row]").content.firstElementChild.cloneNode(true);
    const part = (kind) => row.querySelector(`[data-row="${kind}"]`);
    row.dataset.value = value;
    part("swatch").style.backgroundColor = `rgb(${colour.join(" ")})`;
    part("title").textContent = name;
    part("digit").textContent = index < DIGITS ? String(index + 1) : "";
    part("choose").addEventListener("click", () => this.activate(value));
    part("eye").setAttribute("aria-label", interpolate(gettext("Show %(structure)s"), { structure: name }));
    part("eye").addEventListener("click", () => this.toggle(value, "visible"));
    part("lock").setAttribute("aria-label", interpolate(gettext("Lock %(structure)s"), { structure: name }));
    part("lock").addEventListener("click", () => this.toggle(value, "locked"));
    return row;
  }

  showRow({ value, visible, locked }) {
    const row = this.rows.get(value);
    const press = (kind, on) => row.querySelector(`[data-row="${kind}"]`).setAttribute("aria-pressed", String(on));
    press("choose", value === this.structures.active);
    press("eye", visible);
    press("lock", locked);
  }

  /** Volume and slices of each structure; called after each step of a correction. */
  showSizes() {
    const { structures } = this;
    if (structures.isSingle || this.shown !== structures) return;
    for (const [value, row] of this.rows) {
      const words = this.sizeOf(value);
      const size = row.querySelector('[data-row="size"]');
      if (size.textContent !== words) size.textContent = words;
      row.classList.toggle("is-absent", !words);
    }
  }

  /** "12.31 ml · 40–58"; empty where the structure is not in the mask. */
  sizeOf(value) {
    const { editor, grid, reading } = this.reader;
    const areas = editor.layer.areasOf(value);
    const voxels = areas.reduce((sum, area) => sum + area, 0);
    if (!voxels) return "";
    const size = grid.spacingKnown
      ? `${number((voxels * reading.series.voxel_volume_mm3) / 1000, 2)} ml`
      : interpolate(gettext("%(n)s voxels"), { n: number(voxels) });
    const [first, last] = [areas.findIndex(Boolean), areas.findLastIndex(Boolean)].map((z) => z + 1);
    return `${size} · ${first === last ? first : `${first}–${last}`}`;
  }

  /** A mask that is drawn from nothing may be of any task; once something is drawn, its labels belong to that one. */
  showTask() {
    const { reader } = this;
    const { layer } = reader.editor;
    const box = this.part("new-task");
    box.hidden = layer.id !== null || reader.tasks.size < 2 || !reader.reading.may_correct;
    if (box.hidden) return;
    const field = this.part("task");
    const options = Object.values(reader.reading.tasks).map(({ slug, name }) => new Option(name, slug, false, slug === layer.facts.task));
    field.replaceChildren(...options);
    field.disabled = reader.editor.isDirty;
  }
}
