// Saving a correction, and what can come between: no network, an ended session, somebody who saved first, a second window.
import { gettext, interpolate, ngettext } from "../../../static/js/i18n.js";
import { deflate, fromBase64, inflate, toBase64 } from "../core/codec.js";
import { Drafts } from "../data/drafts.js";
import { OneTab } from "../data/onetab.js";

const RETRY_AFTER_MS = 5000;

export class Saving {
  constructor(reader) {
    this.reader = reader;
    const { api, addresses, reading } = reader;
    const key = `${reading.user.id}/${reading.series.id}`;
    this.drafts = new Drafts({ api, address: addresses.draft, key, server: reading.draft }, (state) => this.draftState(state));
    this.tab = new OneTab(`spine-reading/${key}`, (mine) => this.tabChanged(mine));
    this.isMine = false;
    this.isSaving = false;
  }

  start() {
    if (!this.reader.reading.may_correct) return;
    this.tab.ask();
    window.addEventListener("online", () => this.again());
    window.addEventListener("focus", () => this.again());
    window.addEventListener("pagehide", () => this.drafts.send({ keepalive: true }));
    window.addEventListener("beforeunload", (event) => {
      const unsentDraft = this.drafts.unsent.size && !this.drafts.stopped;
      if (unsentDraft) event.preventDefault();
    });
  }

  // --- one window --------------------------------------------------------------------------------------------------
  async tabChanged(mine) {
    const had = this.isMine;
    this.isMine = mine;
    this.reader.rightsChanged();
    if (mine) {
      this.reader.notices.drop("window");
      return had ? undefined : this.restore();
    }
    if (had) this.drafts.send();
    this.reader.notices.show("window", {
      text: had
        ? gettext("This correction is being edited in another window; this one is read-only.")
        : gettext("This series is open for correction in another window; this one is read-only."),
      actions: [{ words: gettext("Correct here"), act: () => this.takeOver() }],
    });
  }

  takeOver() {
    this.tab.ask({ steal: true });
    // The other window sends what it still holds; then this one starts from there.
    setTimeout(() => window.location.reload(), 800);
  }

  // --- drafts ------------------------------------------------------------------------------------------------------
  async restore() {
    const draft = await this.drafts.find();
    if (!draft || !Object.keys(draft.slices).length) return;
    const layer = this.reader.layerOf(draft.base);
    if (!layer) return;
    if (draft.base === null && this.reader.tasks.has(draft.task)) layer.becomeOf(this.reader.tasks.get(draft.task));
    this.reader.workOn(layer);
    for (const [z, text] of Object.entries(draft.slices)) {
      const labels = await inflate(fromBase64(text));
      if (Number(z) < this.reader.grid.depth && labels.length === this.reader.grid.sliceLength) layer.edits.set(Number(z), labels);
    }
    for (const z of layer.edits.keys()) layer.recount(z);
    this.drafts.adopt(draft);
    this.reader.refreshAll();
    this.reader.masksChanged([...layer.edits.keys()], { keep: false });
    const time = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    this.reader.notices.show("restored", {
      kind: "info",
      text: interpolate(
        ngettext(
          "Your unsaved correction of %(time)s was restored: %(n)s slice.",
          "Your unsaved correction of %(time)s was restored: %(n)s slices.",
          layer.edits.size,
        ),
        { time: time.format(draft.at), n: layer.edits.size },
      ),
      actions: [
        { words: gettext("Continue"), act: () => this.reader.notices.drop("restored") },
        { words: gettext("Discard"), act: () => this.discard() },
      ],
    });
  }

  /** Keep the changed slices as a draft. */
  keep(layer, zs) {
    if (zs.length) this.drafts.keep(layer, zs);
  }

  draftState({ kind, problem }) {
    const { notices } = this.reader;
    if (kind === "kept") {
      for (const name of ["session", "person", "network"]) notices.drop(name);
      this.reader.showDraft(gettext("Draft saved"));
      // The way is open again: a save that was asked for meanwhile need not wait for another hand.
      if (this.wanted && !this.isSaving) this.again();
    } else if (kind === "session") this.sessionEnded();
    else if (kind === "person") notices.show("person", { text: problem.body.detail });
    else if (kind === "elsewhere") notices.show("elsewhere", { text: problem.body.detail });
    else this.reader.showDraft(gettext("No connection: draft saved in this browser"));
  }

  sessionEnded() {
    this.reader.showDraft(gettext("Draft saved in this browser"));
    this.reader.notices.show("session", {
      text: gettext("Your session has ended. Your work is not lost: log in again in another window, then come back here."),
      login: true,
      actions: [{ words: gettext("Try again"), act: () => this.again() }],
    });
  }

  async discard() {
    const { layer } = this.reader.editor;
    const zs = layer.changed();
    layer.forgetChanges();
    this.reader.editor.forget();
    this.reader.notices.drop("restored");
    this.reader.masksChanged(zs, { keep: false });
    try {
      await this.drafts.clear({ onServer: true });
      this.reader.showDraft("");
    } catch (problem) {
      this.draftState({ kind: problem.kind === "session" ? "session" : "local", problem });
    }
  }

  // --- saving ------------------------------------------------------------------------------------------------------
  async save({ alongside = false } = {}) {
    const { editor, notices } = this.reader;
    if (this.isSaving || !this.reader.mayCorrectNow()) return;
    editor.finish();
    const { layer } = editor;
    const zs = layer.changed();
    if (!zs.length) return this.reader.say(gettext("Nothing has changed since the last save."));
    this.isSaving = true;
    this.wanted = { alongside };
    this.reader.showSaving(true);
    await this.drafts.hold();
    const sent = new Map(zs.map((z) => [z, layer.slice(z).slice()]));
    try {
      const answer = await this.send(layer, sent, alongside);
      this.wanted = null;
      for (const name of ["conflict", "session", "network", "restored"]) notices.drop(name);
      await this.saved(layer, answer.facts, sent);
    } catch (problem) {
      if (problem.kind === undefined) throw problem;
      this.failed(problem);
    } finally {
      this.isSaving = false;
      this.drafts.release();
      this.reader.showSaving(false);
    }
  }

  async send(layer, sent, alongside) {
    const started = performance.now();
    const slices = {};
    for (const [z, labels] of sent) slices[z] = toBase64(await deflate(labels));
    const { api, addresses } = this.reader;
    const answer = await api.send("POST", addresses.corrections, { ...ofTask(layer), base: layer.id, slices, alongside });
    performance.measure("save", { start: started, end: performance.now(), detail: { bytes: api.bytesSent } });
    return answer;
  }

  async saved(layer, facts, sent) {
    const before = layer.becomeSaved(facts, sent);
    await this.drafts.clear({ onServer: false });
    this.reader.wasSaved(layer, before);
    // What was drawn while the save was on its way is the beginning of the next correction.
    this.keep(layer, layer.changed());
  }

  failed(problem) {
    const { notices } = this.reader;
    clearTimeout(this.timer);
    if (problem.kind === "conflict") {
      this.wanted = null;
      return notices.show("conflict", {
        text: interpolate(
          gettext("%(name)s saved a correction of this mask first. Yours is kept as a draft; you can save it as a separate mask."),
          { name: problem.body.author || gettext("Someone") },
        ),
        actions: [{ words: gettext("Save mine as a separate mask"), act: () => this.save({ alongside: true }) }],
      });
    }
    if (problem.kind === "session") return this.sessionEnded();
    if (problem.kind === "network" || problem.kind === "server") {
      this.timer = setTimeout(() => this.again(), RETRY_AFTER_MS);
      return notices.show("network", {
        text: gettext("The correction could not be sent. It is saved in this browser and will be sent again once the server responds."),
        actions: [{ words: gettext("Retry now"), act: () => this.again() }],
      });
    }
    this.wanted = null;
    return notices.show(problem.kind, { text: problem.body.detail ?? gettext("The correction could not be saved.") });
  }

  /** The network or the session may be back. */
  again() {
    clearTimeout(this.timer);
    this.reader.measuring.retry();
    if (this.wanted) return this.save(this.wanted);
    return this.drafts.send();
  }
}

/** A mask that is drawn from nothing says of which task it is; a correction is of its mask's. */
function ofTask({ id, facts }) {
  return id === null && facts.task ? { task: facts.task } : {};
}
