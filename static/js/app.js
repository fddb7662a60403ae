// Small behaviour of every page. Nothing here is needed to read a page or to send a form.
import { gettext } from "./i18n.js";
import { tellMoments } from "./moments.js";

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details.menu"));
  const back = event.target.closest("[data-go-back]");
  if (back) history.back();
  const copy = event.target.closest("[data-copy]");
  if (copy) copyText(copy);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details.menu[open]");
  if (!open) return;
  closeMenus(null);
  open.querySelector("summary").focus();
});

async function copyText(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = source.value ?? source.textContent.trim();
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    source.focus();
    source.select?.();
    return;
  }
  const words = button.querySelector("[data-words]") ?? button;
  const before = words.textContent;
  words.textContent = gettext("Copied");
  setTimeout(() => {
    words.textContent = before;
  }, 2000);
}

// A second click must not send a form twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("data-upload")) return;
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) {
    event.preventDefault();
    return;
  }
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// What somebody has typed is not lost by going elsewhere: the browser asks.
window.addEventListener("beforeunload", (event) => {
  const isUnsent = (field) => field.value.trim() && field.value !== field.defaultValue && !field.form?.dataset.sent;
  if ([...document.querySelectorAll("textarea")].some(isUnsent)) event.preventDefault();
});

const CHOSEN = "spine-filter-field";

// Filters send themselves; the button stays for those without JavaScript.
for (const form of document.querySelectorAll("form[data-autosubmit]")) {
  form.addEventListener("change", ({ target }) => {
    if (isTyped(target)) return;
    sessionStorage.setItem(CHOSEN, JSON.stringify([location.pathname, target.id]));
    form.requestSubmit();
  });
}

// Whoever walks a list of choices by keyboard goes on where they were.
const [place, chosen] = JSON.parse(sessionStorage.getItem(CHOSEN) ?? "[]");
sessionStorage.removeItem(CHOSEN);
if (place === location.pathname && chosen) document.getElementById(chosen)?.focus();

/** A date whose year is being typed, such as 0002 on the way to 2026. */
function isTyped(field) {
  return field.type === "date" && field.value !== "" && field.value < "1000";
}

tellMoments(document);
document.addEventListener("htmx:load", ({ detail }) => tellMoments(detail.elt));

// The next page of a list replaces its button: move the focus to the first new row.
document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.detail.elt;
  if (target?.matches?.("[data-new-rows]")) target.querySelector("a")?.focus();
});
document.addEventListener("htmx:responseError", (event) => {
  if ([401, 403].includes(event.detail.xhr.status)) window.location.reload();
});
