// An open work list keeps up with its cases. What changes within a row changes in its place. Where rows come, go or
// move, the list follows by itself only while nobody is at it; else a line above it says so and offers to.
import { gettext } from "./i18n.js";
import { tellMoments } from "./moments.js";
import { listOf, rowsOf, sameCases, sameColumns, takeCells, takeRows } from "./rows.js";
import { LiveSocket } from "./socket.js";

const EVERY_MS = 10_000;
const SAID_MS = 4_000;
const SILENCE_MS = 150_000;

class OpenList {
  constructor(news) {
    this.news = news;
    this.words = news.querySelector("[data-news-words]");
    this.button = news.querySelector("[data-news-show]");
    this.most = Number(news.dataset.most);
    this.versions = versionsOf(news);
    this.lookedAt = -Infinity;
    this.turn = Promise.resolve();
  }

  start() {
    for (const path of this.versions.keys()) {
      new LiveSocket(path, { onMessage: ({ version }) => this.hear(path, version), silenceMs: SILENCE_MS }).start();
    }
    document.addEventListener("visibilitychange", () => this.plan());
    this.button.addEventListener("click", () => this.inTurn(() => this.show()));
  }

  hear(path, version) {
    if (this.versions.get(path) === version) return;
    this.isBehind = true;
    this.plan();
  }

  /** Look soon, but not more often than every few seconds, and only for somebody who sees the page. */
  plan() {
    if (!this.isBehind || document.hidden || this.timer) return;
    this.timer = setTimeout(
      () => {
        this.timer = null;
        if (this.isBehind && !document.hidden) this.inTurn(() => this.look());
      },
      Math.max(0, this.lookedAt + EVERY_MS - performance.now()),
    );
  }

  inTurn(action) {
    this.turn = this.turn.then(action, action);
  }

  async look() {
    const fresh = await this.fetch();
    if (!fresh) return undefined;
    const [shown, there] = [rowsOf(document), rowsOf(fresh)];
    const isLeftAlone = this.isLeftAlone(shown, fresh);
    takeCounts(fresh, isLeftAlone);
    if (!sameColumns(shown, there)) return isLeftAlone ? window.location.reload() : this.say(gettext("The list has changed."), true);
    const isTaken = takeCells(shown, there, isLeftAlone);
    if (isTaken && sameCases(shown.slice(0, this.most), there)) return this.say("");
    return isLeftAlone ? this.take(fresh) : this.say(gettext("The list has changed."), true);
  }

  /** By the button: the cases that were chosen stay chosen. */
  async show() {
    const fresh = await this.fetch();
    if (!fresh && this.isLoggedOut) return window.location.reload(); // to the way in, and back here
    if (!fresh) return this.say(gettext("The list could not be loaded. Try again in a moment."), true);
    if (!sameColumns(rowsOf(document), rowsOf(fresh))) return window.location.reload();
    takeCounts(fresh, true);
    takeCells(rowsOf(document), rowsOf(fresh), true);
    this.take(fresh);
    this.say(gettext("The list is up to date."));
    this.timeout = setTimeout(() => this.say(""), SAID_MS);
    return listOf(document)?.focus({ preventScroll: true });
  }

  /** The list as it is now, with as many rows as are shown; null where it cannot be had: the next message asks again. */
  async fetch() {
    const count = rowsOf(document).length;
    const address = new URL(this.news.dataset.listNews, window.location.href);
    address.search = window.location.search;
    address.searchParams.set("shown", count);
    this.lookedAt = performance.now();
    this.isBehind = false;
    const answer = await fetch(address).catch(() => null);
    this.isLoggedOut = Boolean(answer?.redirected);
    if (!answer?.ok || answer.redirected) return null;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (rowsOf(document).length !== count) return this.fetch(); // more were asked for meanwhile
    this.versions = versionsOf(fresh);
    return fresh;
  }

  take(fresh) {
    const list = listOf(document);
    // From a list to an empty page or back.
    if (!list || !listOf(fresh)) return window.location.reload();
    takeRows(list, rowsOf(fresh), fresh.querySelector("#more-cases"));
    tellMoments(list);
    document.dispatchEvent(new Event("spine:rows"));
    return this.say("");
  }

  /**
   * Nobody is about to click a row, has chosen one or is in one by keyboard; where the page would be loaded anew, nobody
   * writes into one of its fields or is being told something.
   */
  isLeftAlone(shown, fresh) {
    const list = listOf(document);
    const at = document.activeElement;
    const isTold = document.querySelector("[data-toasts]")?.childElementCount > 0;
    if (!list || !listOf(fresh)) return !isTold && !at?.matches("input, select, textarea");
    const isUsed = list.matches(":hover") || (at !== list && list.contains(at)) || list.querySelector(":checked");
    const isRead = !getSelection().isCollapsed && list.contains(getSelection().anchorNode);
    return !isUsed && !isRead && shown.length <= this.most;
  }

  say(text, isNews = false) {
    clearTimeout(this.timeout);
    if (this.words.textContent !== text) this.words.textContent = text;
    this.button.hidden = !isNews;
    this.news.classList.toggle("has-news", text !== "");
  }
}

/** By the path of the WebSocket that tells of the next one. */
const versionsOf = (page) => new Map([...page.querySelectorAll("[data-follow]")].map((one) => [one.dataset.follow, one.value]));

const statesOf = (page) => [...page.querySelectorAll("[data-states] li")];

/** “Sent back” comes with its first case and goes with its last; on a narrow page that moves what is below. */
function takeCounts(fresh, mayMove) {
  const [shown, there] = [statesOf(document), statesOf(fresh)];
  there.slice(0, shown.length).forEach((state, place) => {
    shown[place].querySelector(".numeric").textContent = state.querySelector(".numeric").textContent;
  });
  const gone = shown.slice(there.length);
  for (const state of gone) state.querySelector(".numeric").textContent = "0";
  if (!mayMove) return;
  for (const state of gone) state.remove();
  shown[0].parentElement.append(...there.slice(shown.length).map((state) => document.importNode(state, true)));
}

const news = document.querySelector("[data-list-news]");
if (news) new OpenList(news).start();
