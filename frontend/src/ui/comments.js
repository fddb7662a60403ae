// What people say about this series and its slices: the list, writing, and the way from one to the next.
import { gettext, interpolate } from "../../../static/js/i18n.js";
import { nextWhere } from "../core/jump.js";
import { joined } from "../core/said.js";
import { leaveByKeys, offerNames } from "./writing.js";
import { localTime } from "./words.js";

const LARGEST_PAGE = 200;
const MOST_SAID = 280;

export class Comments {
  /** @param {import("../reader.js").Reader} reader */
  constructor(reader) {
    this.reader = reader;
    this.box = reader.root.querySelector("[data-part=comments]");
    this.list = reader.reading.comments;
    this.field = this.part("comment-text");
    this.rows = new Map();
    this.isSending = false;
  }

  part(name) {
    return this.box.querySelector(`[data-part="${name}"]`);
  }

  start() {
    offerNames(this.reader, { field: this.field, list: this.part("people"), said: this.part("people-said") });
    this.part("comment-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.write();
    });
    leaveByKeys(this.reader, this.field, () => this.write());
    // A notice of this series leads here while its page is open.
    window.addEventListener("hashchange", async () => {
      this.reader.goTo(this.reader.firstVoxel()[2]);
      await this.refresh();
      this.sayHere();
    });
    // Sent by static/js/live.js: how many comments there are to read, by the id of the series.
    document.addEventListener("spine:comments", ({ detail }) => this.follow(detail[this.reader.reading.series.id] ?? 0));
    this.show();
    if (window.location.hash) this.sayHere();
  }

  get commands() {
    return {
      comment: () => this.field.focus(),
      "next-comment": () => this.goOn(1),
      "previous-comment": () => this.goOn(-1),
    };
  }

  /** Slices that somebody has said something about. */
  get slices() {
    return [...new Set(this.list.map(({ z }) => z))].filter((z) => z !== null);
  }

  async goOn(direction) {
    const commented = new Set(this.slices);
    const z = await nextWhere(this.reader.voxel[2], direction, this.reader.grid.depth, (at) => commented.has(at));
    if (z === null) return this.reader.say(gettext("No comments on slices."));
    this.reader.goTo(z);
    return this.sayHere();
  }

  /** Over the picture, what was said about the shown slice: nobody has to look away from it. */
  sayHere() {
    this.sayEach(
      this.list.filter(({ z }) => z === this.reader.voxel[2]),
      ({ author, text }) => `${author}: ${text}`,
    );
  }

  /** @param {object[]} some newest first */
  sayEach(some, wordsOf) {
    const words = [...some].reverse().map(wordsOf).join(" · ");
    if (words) this.reader.say(words.length > MOST_SAID ? `${words.slice(0, MOST_SAID)}…` : words);
  }

  // --- the list ----------------------------------------------------------------------------------------------------
  show() {
    const template = this.box.querySelector("[data-comment-row]");
    const shown = this.part("comment-list");
    this.list.forEach((one, place) => {
      if (!this.rows.has(one.id)) this.rows.set(one.id, this.row(template, one));
      // A row stays where it is: the focus may be in it.
      if (shown.children[place] !== this.rows.get(one.id)) shown.insertBefore(this.rows.get(one.id), shown.children[place] ?? null);
    });
    this.part("no-comments").hidden = this.list.length > 0;
    this.reader.root.dataset.comments = this.list.length;
    this.showPlace();
    this.reader.strip.refresh();
  }

  row(template, { author, created_at: at, text, z }) {
    const row = template.content.firstElementChild.cloneNode(true);
    row.dataset.z = z ?? "";
    row.querySelector("[data-row=author]").textContent = author;
    const time = row.querySelector("time");
    [time.dateTime, time.textContent] = [at, localTime(at)];
    row.querySelector("[data-row=text]").textContent = text;
    const go = row.querySelector("button");
    if (z === null) go.remove();
    else {
      go.textContent = interpolate(gettext("Slice %(n)s"), { n: z + 1 });
      go.addEventListener("click", () => this.reader.goTo(z));
    }
    return row;
  }

  /** Which comments are about the shown slice, and what a new one would be about. */
  showPlace() {
    const [, , z] = this.reader.voxel;
    const words = this.reader.active.plane.name === "axial" ? gettext("On slice %(n)s") : gettext("On axial slice %(n)s");
    this.part("here").textContent = interpolate(words, { n: z + 1 });
    for (const row of this.part("comment-list").children) row.classList.toggle("is-here", row.dataset.z === String(z));
  }

  /** What others said while the page is open; an own comment is in the list already. */
  async follow(count) {
    this.told = count;
    if (this.isFollowing) return;
    this.isFollowing = true;
    while (this.told !== this.counted && this.told !== this.list.length) {
      const [told, known] = [this.told, new Set(this.list.map(({ id }) => id))];
      if (!(await this.refresh())) break; // the next message asks again
      this.counted = told;
      const own = this.reader.api.readerId;
      this.sayEach(
        this.list.filter((one) => !known.has(one.id) && one.author_id !== own),
        withPlace,
      );
    }
    this.isFollowing = false;
  }

  /** Whether the comments could be fetched. */
  async refresh() {
    const { api, addresses } = this.reader;
    const page = await api.send("GET", `${addresses.comments}?page_size=${LARGEST_PAGE}`).catch(() => null);
    if (page) this.add(page.results);
    return page !== null;
  }

  add(comments) {
    this.list = joined(this.list, comments);
    this.show();
  }

  // --- writing -----------------------------------------------------------------------------------------------------
  async write() {
    const { api, addresses, notices, voxel } = this.reader;
    const text = this.field.value.trim();
    if (!text || this.isSending) return;
    this.isSending = true;
    const z = this.part("on-slice").checked ? voxel[2] : null;
    try {
      const written = await api.send("POST", addresses.comments, { text, z });
      notices.drop("comment");
      if (this.field.value.trim() === text) this.field.value = "";
      this.add([written]);
      this.reader.say(gettext("Your comment is sent."));
    } catch (problem) {
      if (problem.kind === undefined) throw problem;
      this.failed(problem);
    } finally {
      this.isSending = false;
    }
  }

  /** Before the page is left: whether nothing is left unsent. What is written is sent if the person wishes; else they stay. */
  async settled() {
    if (!this.field.value.trim()) return true;
    if (window.confirm(gettext("Your comment is not sent yet. Send it and go on?"))) await this.write();
    const isSent = !this.field.value.trim();
    if (!isSent) this.field.focus();
    return isSent;
  }

  /** What was written stays in the field. */
  failed(problem) {
    const { notices, saving } = this.reader;
    if (problem.kind === "session") saving.sessionEnded();
    else
      notices.show("comment", {
        text: problem.body.detail ?? gettext("The comment could not be sent. Send it again once the connection is back."),
      });
  }
}

/** Words about a comment for somebody who looks at another slice, perhaps. */
function withPlace({ author, text, z }) {
  const words = `${author}: ${text}`;
  return z === null ? words : `${interpolate(gettext("Slice %(n)s"), { n: z + 1 })} · ${words}`;
}
