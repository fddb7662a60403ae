// Sign-off: approve, reject, send back, and on to the next series of the queue.
import { gettext, interpolate } from "../../../static/js/i18n.js";
import { leaveByKeys, offerNames } from "./writing.js";

const SIGNED = "spine-signed";
const SIGNED_SHOWN_MS = 12_000;

export class SignOff {
  constructor(reader) {
    this.reader = reader;
    this.box = reader.root.querySelector("[data-part=signoff]");
    this.reason = this.part("reason");
    this.isSigning = false;
    this.next = null;
  }

  part(name) {
    return this.box.querySelector(`[data-part="${name}"]`);
  }

  start() {
    this.showLastWord(this.reader.reading.review);
    if (!this.reader.reading.may_review) return;
    this.part("sign").hidden = false;
    offerNames(this.reader, { field: this.reason, list: this.part("reason-people"), said: this.part("reason-people-said") });
    leaveByKeys(this.reader, this.reason);
    this.showSignedBefore();
    this.lookAhead();
  }

  get commands() {
    return {
      approve: () => this.approve(),
      reject: () => this.refuse("rejected"),
      "send-back": () => this.refuse("sent-back"),
      "next-case": async () => (await this.reader.comments.settled()) && this.goOn(),
      reason: () => this.mayNow() && this.reason.focus(),
    };
  }

  // --- signing -----------------------------------------------------------------------------------------------------
  /** What was drawn is saved first: the signature is under what is on the screen. */
  async approve() {
    const { editor, saving } = this.reader;
    if (!(await this.isReady())) return;
    if (editor.isDirty) await saving.save();
    if (editor.isDirty) return; // the save has said why not
    if (!editor.layer.id) this.reader.say(gettext("There is no mask to approve. Segment the series or draw a mask first."));
    else await this.sign({ verdict: "approved", reason: this.reason.value, for_training: this.part("for-training").checked });
  }

  async refuse(verdict) {
    if (!(await this.isReady())) return;
    if (this.reader.editor.isDirty) this.reader.say(gettext("Save or discard your correction first."));
    else if (this.reason.value.trim()) await this.sign({ verdict, reason: this.reason.value });
    else {
      this.reader.say(gettext("Enter a short reason, then choose again."));
      this.reason.focus();
    }
  }

  mayNow() {
    const { may_review: may, signed_in: project } = this.reader.reading;
    if (project) this.reader.say(interpolate(gettext("This series is signed off in the reading project %(name)s."), { name: project }));
    else if (!may) this.reader.say(gettext("Your role does not allow you to approve and reject masks."));
    return may && !this.isSigning;
  }

  /** Only what was on the screen is signed, and nothing that is written beside it gets lost. */
  async isReady() {
    if (!this.mayNow()) return false;
    if (this.reader.regions.isBusy) return this.reader.mayCorrectNow(); // says so
    if (!this.reader.isShown) {
      this.reader.say(gettext("The image or the mask is not loaded yet. Review it before signing off."));
      return false;
    }
    if (!this.reader.editor.layer.visible) {
      this.reader.say(gettext("The mask is hidden. Show it and review it before signing off."));
      return false;
    }
    return (await this.reader.comments.settled()) && this.mayNow();
  }

  async sign(review) {
    const { api, addresses, editor, notices } = this.reader;
    this.isSigning = true;
    try {
      await api.send("POST", addresses.reviews, { ...review, annotation: editor.layer.id });
      notices.drop("sign");
      this.reason.value = ""; // it is kept with the signature
      this.remember(review.verdict);
      await this.goOn();
    } catch (problem) {
      if (problem.kind === undefined) throw problem;
      this.failed(problem);
    } finally {
      this.isSigning = false;
    }
  }

  failed(problem) {
    if (problem.kind === "session") this.reader.saving.sessionEnded();
    else if (problem.body?.code === "mask-suspected") this.reader.suspicions.look(problem.body.annotation);
    else
      this.reader.notices.show("sign", {
        text: problem.body.detail ?? gettext("The sign-off could not be sent. Try again once the connection is back."),
      });
  }

  // --- the queue ---------------------------------------------------------------------------------------------------
  async lookAhead() {
    const { api, addresses, reading } = this.reader;
    try {
      this.next = await api.send("GET", `${addresses.queue_next}?after=${reading.series.id}`);
    } catch {
      return; // asked again when it is needed
    }
    this.part("waiting").textContent = interpolate(gettext("%(n)s waiting"), { n: this.next.waiting });
    if (this.next.first_slice) fetch(this.next.first_slice, { priority: "low" }).catch(() => {});
  }

  /** Asked anew: somebody else may have signed the one that was next. */
  async goOn() {
    await this.lookAhead();
    if (this.next?.read) return window.location.assign(this.next.read);
    this.nothingLeft();
    const { api, addresses } = this.reader;
    this.reader.reading.review = (await api.send("GET", addresses.reading)).review;
    this.showLastWord(this.reader.reading.review);
    this.reader.panels.showAll();
  }

  nothingLeft() {
    const { notices, addresses } = this.reader;
    const isKnown = this.next !== null;
    const notice = notices.show("queue", {
      kind: "info",
      text: isKnown ? gettext("No more cases for you.") : gettext("The next case could not be loaded. Try again in a moment."),
      actions: [{ words: gettext("Go to the cases"), act: () => window.location.assign(addresses.queue) }],
    });
    notice.querySelector("button").focus(); // by keys only Enter is left to press
  }

  // --- words -------------------------------------------------------------------------------------------------------
  remember(verdict) {
    const { series } = this.reader.reading;
    sessionStorage.setItem(SIGNED, JSON.stringify({ verdict, id: series.id, title: series.case, read: window.location.pathname }));
  }

  /** Whoever signed by mistake finds the way back: a new review supersedes the old one. */
  showSignedBefore() {
    const signed = JSON.parse(sessionStorage.getItem(SIGNED) ?? "null");
    sessionStorage.removeItem(SIGNED);
    if (!signed || signed.id === this.reader.reading.series.id) return;
    const words = {
      approved: gettext("Approved: %(case)s"),
      rejected: gettext("Rejected: %(case)s"),
      "sent-back": gettext("Sent back: %(case)s"),
    };
    this.reader.notices.show("signed", {
      kind: "info",
      goneAfter: SIGNED_SHOWN_MS,
      text: interpolate(words[signed.verdict], { case: signed.title }),
      actions: [
        { words: gettext("Back to that case"), act: () => window.location.assign(signed.read) },
        { words: gettext("Close"), act: () => this.reader.notices.drop("signed") },
      ],
    });
  }

  showLastWord(review) {
    if (!review) return;
    const said = [`${review.verdict}, ${review.reader}`, review.reason].filter(Boolean).join(": ");
    this.part("last-word").textContent = [said, this.madeSince(review)].filter(Boolean).join(" · ");
    this.part("for-training").checked = review.for_training || !review.is_approval;
  }

  /** Who made a mask after that word: it is about an earlier one. */
  madeSince({ created_at: at }) {
    const newer = this.reader.reading.masks.find((mask) => Date.parse(mask.created_at) > Date.parse(at));
    return newer && interpolate(gettext("new mask since then: %(name)s"), { name: newer.author || newer.label });
  }
}
