// Everything around the pictures: words, buttons that show a state, the lists of masks and measurements.
import { gettext, interpolate, ngettext } from "../../../static/js/i18n.js";
import { number } from "../../../static/js/format.js";
import { confidenceOf } from "./jumps.js";
import { showMasks } from "./masklist.js";
import { nameOf } from "./measuring.js";
import { areaWords, localTime, problemWords, sliceWords, volumeWords, windowWords, wordsAt } from "./words.js";

const ANNOUNCE_AFTER_MS = 500;

export class Panels {
  constructor(reader) {
    this.reader = reader;
    this.root = reader.root;
    this.pointer = null;
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  parts(name) {
    return this.root.querySelectorAll(`[data-part="${name}"]`);
  }

  start() {
    this.root.querySelector("[data-fallback]").hidden = true;
    this.root.dataset.ready = "true";
    this.showAll();
  }

  showAll() {
    if (!this.reader.voxel) return;
    this.showPlace();
    this.showWindow();
    this.showLook();
    this.showTool();
    showMasks(this.reader);
    this.reader.structureList.show();
    this.showState();
    this.showMeasurements();
    this.showLoading();
  }

  // --- where we are ------------------------------------------------------------------------------------------------
  showPlace() {
    const { reader } = this;
    if (!reader.voxel) return;
    this.showSlider(reader);
    for (const view of [...reader.views, reader.comparing.twin]) {
      view.element.querySelector("[data-part=view-slice]").textContent = `${view.k + 1} / ${view.plane.count}`;
    }
    this.showReadout();
    this.showArea();
    this.showConfidence();
    reader.comments.showPlace();
    this.announceLater();
  }

  /** Slider, number and strip are of the plane in use, as the arrows are. */
  showSlider({ voxel, active: { plane } }) {
    const k = voxel[plane.axis];
    const slider = this.part("slider");
    const names = { axial: gettext("Axial slice"), sagittal: gettext("Sagittal slice"), coronal: gettext("Coronal slice") };
    slider.max = plane.count - 1;
    slider.value = k;
    slider.setAttribute("aria-label", names[plane.name]);
    slider.setAttribute("aria-valuetext", sliceWords(k, plane.count));
    this.part("plane").textContent = names[plane.name];
    this.part("position").textContent = `${k + 1} / ${plane.count}`;
    const strip = this.root.querySelector("[data-strip]");
    const areas = {
      sagittal: gettext(
        "Mask area on every sagittal slice, from the patient's right on the left to the patient's left on the right. Click to go there.",
      ),
      coronal: gettext("Mask area on every coronal slice, from anterior on the left to posterior on the right. Click to go there."),
    };
    this.stripWords ??= strip.getAttribute("aria-label");
    strip.setAttribute("aria-label", areas[plane.name] ?? this.stripWords);
  }

  showArea() {
    this.part("area").textContent = areaWords(this.reader);
  }

  /** The Dice that the model expects of this slice: two digits, which is more than it knows. */
  showConfidence() {
    const confidence = confidenceOf(this.reader);
    for (const part of this.parts("confident")) part.hidden = !confidence.length;
    const { layer, isDirty } = this.reader.editor;
    const isOwn = layer.facts.by_model && !isDirty;
    const z = this.reader.voxel[2];
    const name = isOwn ? gettext("Expected Dice") : gettext("Expected Dice of the model's mask");
    const isAxial = this.reader.active.plane.name === "axial";
    this.root.querySelector("dt[data-part=confident]").textContent = isAxial
      ? name
      : `${name} (${interpolate(gettext("axial slice %(n)s"), { n: z + 1 })})`;
    if (confidence.length) this.part("confidence").textContent = number(confidence[z], 2);
  }

  /** The voxel under the pointer, which hovers over a view at CSS pixels or nowhere (null), else the crosshair's. */
  showReadout(pointer = this.pointer) {
    this.pointer = pointer;
    const voxel = pointer?.view.voxelAt(pointer.x, pointer.y) ?? this.reader.voxel;
    this.part("readout").textContent = wordsAt(this.reader, voxel);
  }

  announceLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const slider = this.part("slider");
      this.part("live").textContent =
        `${slider.getAttribute("aria-label")}: ${slider.getAttribute("aria-valuetext")}. ${this.part("readout").textContent}`;
    }, ANNOUNCE_AFTER_MS);
  }

  showLoading() {
    const { reader } = this;
    if (!reader.voxel || !reader.loader) return;
    const [, , z] = reader.voxel;
    const { problem } = reader;
    const ready = reader.volume.source.has(z);
    const masksReady = Boolean(reader.editor.layer.slice(z));
    this.part("loading").hidden = ready || Boolean(problem);
    this.part("mask-loading").hidden = !ready || masksReady || Boolean(problem);
    this.part("problem").hidden = !problem;
    this.showReadout();
    this.root.dataset.masksShown = String(ready && masksReady);
    const { depth } = reader.grid;
    const there = reader.volume.slices.size + reader.volume.reduced.size;
    this.part("loaded").textContent = there < depth ? interpolate(gettext("%(n)s of %(of)s slices loaded"), { n: there, of: depth }) : "";
    if (!problem) return;
    const session = gettext("Your session has ended. Log in again in another window, then try again.");
    this.part("problem-text").textContent = problemWords(problem, { session, imageIsThere: ready });
    this.part("problem-login").hidden = problem.kind !== "session";
  }

  // --- how it looks ------------------------------------------------------------------------------------------------
  showWindow() {
    const { window: shown, look } = this.reader;
    this.part("window").textContent = windowWords(shown);
    press(this.root.querySelectorAll("[data-preset]"), (button) => button.dataset.preset === look.preset);
    press(this.root.querySelectorAll("[data-do=invert]"), () => shown.invert);
  }

  showLook() {
    const { look, comparing, cine, layers } = this.reader;
    press(this.root.querySelectorAll("[data-layout-of]"), (button) => button.dataset.layoutOf === this.reader.layout);
    for (const button of this.root.querySelectorAll("[data-layout-of]"))
      button.hidden = this.reader.grid.depth === 1 && button.dataset.layoutOf !== "axial";
    const states = {
      overlay: layers.some((layer) => layer.visible),
      outline: look.outline,
      cine: Boolean(cine),
      compare: comparing.mode === "difference",
      pair: comparing.isPaired,
      ball: look.ball,
      threshold: look.threshold,
      crosshair: look.crosshair,
      names: look.names,
    };
    for (const [name, on] of Object.entries(states)) press(this.root.querySelectorAll(`[data-do=${name}]`), () => on);
    for (const input of this.root.querySelectorAll("[data-look]")) {
      const scale = Number(input.dataset.scale ?? 1);
      if (document.activeElement !== input || input.type === "range") input.value = Math.round(look[input.dataset.look] * scale);
    }
    this.part("radius").textContent = `${number(look.radius, 1)} ${this.reader.grid.spacingKnown ? "mm" : "px"}`;
  }

  showTool() {
    const { name } = this.reader.toolbox;
    press(this.root.querySelectorAll("[data-tool]"), (button) => button.dataset.tool === name);
    this.root.dataset.tool = name;
    const hints = {
      polygon: gettext("Click corner by corner; Enter or a click on the first corner fills it."),
      scissors: gettext("Click corner by corner; Enter or a click on the first corner cuts it out."),
      grow: gettext("Click a region to mark its connected pixels of similar HU on this slice of this view."),
      "cut-through": gettext("Click corner by corner; Enter or a click on the first corner erases what is inside it on all slices."),
      "relabel-through": gettext(
        "Click corner by corner; Enter or a click on the first corner: what is inside it becomes the active structure, on all slices.",
      ),
      "rename-region": gettext("Click a region: all of it that is connected in 3D becomes the active structure."),
      split: gettext("Set two points of a line through the region, then click the side that becomes the active structure."),
      cobb: gettext("Set two points along the upper end plate, then two along the lower one."),
      "height-ratio": gettext("Set top and bottom of the anterior wall, then of the posterior wall."),
      angle: gettext("Set a point, the corner, and the last point."),
    };
    this.part("hint").textContent = hints[name] ?? "";
  }

  // --- the correction ----------------------------------------------------------------------------------------------
  showState() {
    const { reader } = this;
    const { editor, saving } = reader;
    if (!saving || !reader.voxel) return;
    const may = reader.reading.may_correct && saving.isMine;
    reader.changedSlices ??= editor.layer.changed();
    const changed = reader.changedSlices.length;
    this.root.dataset.changed = changed;
    this.root.dataset.mayCorrect = String(may);
    for (const part of this.parts("correct")) part.hidden = !reader.reading.may_correct;
    enable(this.root, "undo", reader.toolbox.canTakeBack || (may && editor.canUndo));
    enable(this.root, "redo", reader.toolbox.canPutBack || (may && editor.canRedo));
    enable(this.root, "save", may && changed > 0 && !saving.isSaving);
    enable(this.root, "discard", may && changed > 0 && !saving.isSaving);
    this.part("changed").textContent = changed
      ? interpolate(ngettext("%(n)s slice changed", "%(n)s slices changed", changed), { n: changed })
      : "";
    reader.regions.show();
    this.showArea();
    this.part("volume").textContent = volumeWords(reader);
    reader.structureList.showSizes();
    reader.structureList.showTask();
    if (!changed) this.showDraft("");
  }

  showDraft(text) {
    this.part("draft").textContent = text;
  }

  showSaving(on) {
    this.root.dataset.saving = String(on);
    this.part("saving").hidden = !on;
    this.showState();
  }

  // --- measurements ------------------------------------------------------------------------------------------------
  showMeasurements() {
    const { measuring } = this.reader;
    if (!measuring) return;
    const template = this.root.querySelector("[data-measure-row]");
    this.part("measurements").replaceChildren(...measuring.list.map((one) => this.measureRow(template, one)));
    this.part("no-measurements").hidden = measuring.list.length > 0;
    this.part("measurements-csv").hidden = !measuring.list.some((one) => one.id);
    this.root.dataset.measured = measuring.list.filter((one) => one.id).length;
  }

  measureRow(template, one) {
    const { reader } = this;
    const row = template.content.firstElementChild.cloneNode(true);
    const [go, remove] = row.querySelectorAll("button");
    go.querySelector("[data-row=title]").textContent = `${nameOf(one.kind)} ${reader.measuring.words(one).split("\n")[0]}`;
    go.querySelector("[data-row=maker]").textContent = one.id ? `${one.author}, ${localTime(one.created_at)}` : gettext("not saved yet");
    go.addEventListener("click", () => this.goToMeasurement(one));
    remove.hidden = Boolean(one.id) && one.author_id !== reader.reading.user.id;
    remove.setAttribute("aria-label", interpolate(gettext("Remove %(what)s"), { what: go.textContent.trim() }));
    remove.addEventListener("click", () => reader.measuring.remove(one));
    return row;
  }

  goToMeasurement(one) {
    const { reader } = this;
    reader.measuring.chosen = one;
    const middle = [0, 1, 2].map((axis) => one.points.reduce((sum, point) => sum + point[axis], 0) / one.points.length);
    reader.moveTo(reader.grid.toVoxel(middle));
    reader.turnTo(reader.views.find((view) => view.plane.name === one.plane));
    reader.refreshMarks();
  }
}

function press(buttons, isOn) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(Boolean(isOn(button))));
}

function enable(root, name, on) {
  for (const button of root.querySelectorAll(`[data-do=${name}]`)) button.disabled = !on;
}
