// What concerns the reader while a page stays open: notices as they come, and who else has the case open.
import { gettext, interpolate, ngettext } from "./i18n.js";
import { passAfter } from "./passing.js";
import { LiveSocket } from "./socket.js";

const SHOWN_MS = 12_000;
const MOST_SHOWN = 3;
const LONGEST_TEXT = 140;

/** The number at the notices, and a word for each that comes (components/topbar.html). */
function followNotices(link) {
  const socket = new LiveSocket("/ws/notices/", {
    onMessage(message) {
      showUnread(link, message.unread);
      if (message.type === "notice") showNotice(message.notice, message.more);
    },
    silenceMs: 150_000,
  });
  socket.start();
}

function showUnread(link, unread) {
  link.querySelector("[data-unread-number]").textContent = unread > 99 ? "99+" : String(unread);
  link.querySelector("[data-unread-number]").hidden = unread === 0;
  link.querySelector("[data-unread-words]").textContent = unread ? interpolate(gettext("%(n)s new"), { n: unread }) : "";
}

function showNotice(notice, more) {
  const toast = document.querySelector("template[data-toast]").content.firstElementChild.cloneNode(true);
  const part = (name) => toast.querySelector(`[data-toast-${name}]`);
  part("kind").textContent = [notice.kind, notice.actor].filter(Boolean).join(" · ");
  part("case").textContent = notice.title;
  part("case").href = notice.address;
  part("text").textContent = more
    ? interpolate(ngettext("and %(n)s more case", "and %(n)s more cases", more), { n: more })
    : shortened(notice.text);
  const end = () => toast.remove();
  part("close").addEventListener("click", end);
  const toasts = document.querySelector("[data-toasts]");
  // The newest of a project takes the place of the one before, as it does among the notices.
  toast.dataset.about = notice.project ? `${notice.kind} ${notice.project}` : notice.id;
  const before = [...toasts.children].find((one) => one.dataset.about === toast.dataset.about);
  if (before) before.replaceWith(toast);
  else toasts.append(toast);
  if (toasts.children.length > MOST_SHOWN) toasts.firstElementChild.remove();
  passAfter(toast, SHOWN_MS, end);
}

function shortened(text) {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

function followPresence(element) {
  const words = element.querySelector("[data-presence-words]");
  const socket = new LiveSocket(element.dataset.presence, {
    onMessage({ type, others, comments, series, mask, suspicions }) {
      if (type === "mask") return series === element.dataset.series ? showNotice(mask) : undefined;
      // For the reading room (frontend/src/ui/suspicions.js).
      if (type === "suspected") return document.dispatchEvent(new CustomEvent("spine:suspected", { detail: { series, suspicions } }));
      tellComments(comments);
      element.hidden = others.length === 0;
      if (others.length) words.textContent = interpolate(gettext("Also opened by: %(names)s"), { names: others.join(", ") });
    },
    onRefused: () => {
      element.hidden = true;
    },
    silenceMs: 60_000,
  });
  socket.start();
}

/** How many comments there are to read on each series; whoever shows fewer fetches them. */
function tellComments(counts) {
  // For the reading room (frontend/src/ui/comments.js).
  document.dispatchEvent(new CustomEvent("spine:comments", { detail: counts }));
  for (const list of document.querySelectorAll("[data-said]")) {
    const { said, saidCount } = list.dataset;
    if (Number(saidCount) !== (counts[said] ?? 0)) list.dispatchEvent(new Event("spine:comments")); // templates/cases/_said.html
  }
}

function follow() {
  const link = document.querySelector("[data-notices-link]");
  if (link) followNotices(link);
  for (const element of document.querySelectorAll("[data-presence]")) followPresence(element);
}

// The picture of a page comes first.
if (document.readyState === "complete") follow();
else window.addEventListener("load", follow, { once: true });
