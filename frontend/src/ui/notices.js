// Notices above the picture: what happened, and what to do about it. Each by name, at most once.
import { gettext } from "../../../static/js/i18n.js";
import { passAfter } from "../../../static/js/passing.js";

const GONE_AFTER_MS = 6000;

export class Notices {
  /** @param {HTMLElement} box with a `[data-say]` for passing words and a `data-login` address */
  constructor(box) {
    this.box = box;
    this.shown = new Map();
    this.saying = box.querySelector("[data-say]");
  }

  /** Words that pass; screen readers hear them. */
  say(text) {
    this.saying.textContent = text;
    this.saying.hidden = !text;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.saying.hidden = true;
    }, GONE_AFTER_MS);
  }

  /**
   * With `goneAfter` it passes by itself after so many milliseconds in which no hand and no focus is on it.
   * @param {{text: string, kind?: "warn"|"info", login?: boolean, goneAfter?: number, actions?: {words: string, act: () => void}[]}} notice
   */
  show(name, { text, kind = "warn", login = false, goneAfter = null, actions = [] }) {
    this.drop(name);
    const element = document.createElement("div");
    element.className = `reader-notice is-${kind}`;
    element.setAttribute("role", kind === "warn" ? "alert" : "status");
    element.dataset.notice = name;
    const words = document.createElement("p");
    words.textContent = text;
    element.append(words);
    if (login) element.append(this.loginLink());
    for (const { words: label, act } of actions) element.append(button(label, act));
    this.box.append(element);
    this.shown.set(name, element);
    if (goneAfter !== null) passAfter(element, goneAfter, () => this.shown.get(name) === element && this.drop(name));
    return element;
  }

  loginLink() {
    const link = document.createElement("a");
    Object.assign(link, { href: this.box.dataset.login, target: "_blank", rel: "noopener", className: "btn btn-primary btn-sm" });
    link.textContent = gettext("Log in again");
    return link;
  }

  drop(name) {
    this.shown.get(name)?.remove();
    this.shown.delete(name);
  }
}

function button(words, act) {
  const element = document.createElement("button");
  Object.assign(element, { type: "button", className: "btn btn-quiet btn-sm", textContent: words });
  element.addEventListener("click", act);
  return element;
}
