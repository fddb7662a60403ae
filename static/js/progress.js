// Live progress of a run: one WebSocket for each `[data-run-url]`, described in components/progress.html.
// When the connection breaks (server or broker restarted, network away) the panel says so while it is tried again.
import { timeLeft } from "./format.js";
import { gettext, interpolate } from "./i18n.js";
import { LiveSocket } from "./socket.js";
import { Speed } from "./speed.js";

const FINISHED = new Set(["succeeded", "failed", "cancelled"]);
const ANNOUNCE_EVERY_MS = 10_000;
const LEAVING_MS = 5_000;

// A reload would take back the link that was just followed. A download also says that it leaves, and does not.
let leavingSince = -Infinity;
window.addEventListener("beforeunload", () => {
  leavingSince = performance.now();
});

/** Calls `action` now, or a little later when the person is on the way to another page. */
function unlessLeaving(action) {
  const left = leavingSince + LEAVING_MS - performance.now();
  if (left > 0) setTimeout(() => unlessLeaving(action), left);
  else action();
}

/** Follows one run until it has ended. */
export class RunPanel {
  constructor(element) {
    this.element = element;
    this.finished = FINISHED.has(element.dataset.runState);
    this.speed = new Speed();
    this.announcedAt = 0;
    this.parts = Object.fromEntries(
      ["bar", "count", "time", "message", "connection", "error", "live", "cancel"].map((name) => [
        name,
        element.querySelector(`[data-run-${name}]`),
      ]),
    );
  }

  start() {
    if (this.finished) return;
    this.socket = new LiveSocket(this.element.dataset.runUrl, {
      onMessage: (message) => this.receive(message),
      onLost: () => this.say("connection", gettext("Connection lost. Reconnecting…")),
      onRefused: (code) => this.giveUp(code),
    });
    this.socket.start();
  }

  receive(message) {
    if (!message.run) return;
    this.say("connection", "");
    this.show(message.run);
    this.element.dispatchEvent(new CustomEvent("run:message", { bubbles: true, detail: message.run }));
    if (FINISHED.has(message.run.state)) this.finish(message.run);
  }

  giveUp(code) {
    this.finished = true;
    this.say("time", "");
    if (code !== 4401) {
      this.say("connection", gettext("This run no longer exists, or you no longer have access to it. Reload the page."));
      return;
    }
    const here = window.location.pathname + window.location.search;
    const link = document.createElement("a");
    link.href = `${this.element.dataset.loginUrl || "/accounts/login/"}?next=${encodeURIComponent(here)}`;
    link.textContent = gettext("Log in again");
    this.say("connection", `${gettext("Your session has ended; the work continues.")} `);
    this.parts.connection?.append(link);
  }

  show(run) {
    this.element.dataset.runState = run.state;
    const known = run.total > 0;
    if (this.parts.bar) {
      if (known) {
        this.parts.bar.max = run.total;
        this.parts.bar.value = Math.min(run.done, run.total);
      } else {
        this.parts.bar.removeAttribute("value");
      }
    }
    const left = run.seconds_left ?? this.speed.left(run.done, run.total);
    this.say("count", known ? `${run.done} / ${run.total}` : "");
    this.say("time", run.state === "running" && known && left != null ? `· ${timeLeft(left)}` : "");
    this.say("message", run.cancel_requested ? gettext("Stopping…") : this.words(run));
    this.say("error", run.error || "");
    this.announce(run, known);
  }

  words(run) {
    if (run.message) return run.message;
    const words = {
      queued: gettext("Waiting for a worker"),
      running: gettext("Working"),
      succeeded: gettext("Finished"),
      failed: gettext("Failed"),
      cancelled: gettext("Cancelled"),
    };
    return words[run.state] ?? run.state;
  }

  announce(run, known) {
    const now = performance.now();
    const last = FINISHED.has(run.state);
    if (!this.parts.live || (!last && now - this.announcedAt < ANNOUNCE_EVERY_MS)) return;
    this.announcedAt = now;
    const percent = known && !last ? interpolate(gettext("%(n)s percent"), { n: Math.round((100 * run.done) / run.total) }) : "";
    this.parts.live.textContent = [this.words(run), percent, run.error].filter(Boolean).join(". ");
  }

  finish(run) {
    this.finished = true;
    this.socket.stop();
    if (this.parts.cancel) this.parts.cancel.hidden = true;
    this.element.dispatchEvent(new CustomEvent("run:finished", { bubbles: true, detail: run }));
    const wish = run.state === "succeeded" ? this.element.dataset.onSuccess : this.element.dataset.onFailure;
    if (wish === "redirect" && run.result_url) unlessLeaving(() => window.location.assign(run.result_url));
    else if (wish === "reload" || wish === "redirect") unlessLeaving(() => window.location.reload());
  }

  say(part, text) {
    const element = this.parts[part];
    if (!element) return;
    if (element.textContent !== text) element.textContent = text;
    if (part === "connection" || part === "error") element.hidden = !text;
  }
}

for (const element of document.querySelectorAll("[data-run-url]")) new RunPanel(element).start();
