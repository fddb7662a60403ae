// What the fields for words of the reading room share: names offered after an @, and the keys that lead out of them.
import { Mentions } from "./mentions.js";

/** @param {import("../reader.js").Reader} reader @param {{field: HTMLTextAreaElement, list: HTMLElement, said: HTMLElement}} parts */
export function offerNames({ api, addresses }, parts) {
  new Mentions({ ...parts, find: (words) => api.send("GET", `${addresses.people}?q=${encodeURIComponent(words)}`) });
}

/** Escape goes back to the picture; Ctrl or Cmd with Enter sends what was written, where one way of sending it is meant. */
export function leaveByKeys(reader, field, send = null) {
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") reader.active.marks.focus();
    if (!send || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    send();
  });
}
