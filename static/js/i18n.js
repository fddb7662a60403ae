// Words for people. Django's JavaScript catalogue, when a page loads it, puts its functions on `window`;
// without it the English text is shown. `makemessages -d djangojs` finds the calls by these names.

/** @param {string} text */
export function gettext(text) {
  return window.django?.gettext ? window.django.gettext(text) : text;
}

/** @param {string} one @param {string} many @param {number} count */
export function ngettext(one, many, count) {
  if (window.django?.ngettext) return window.django.ngettext(one, many, count);
  return count === 1 ? one : many;
}

/** Fill `%(name)s` places: interpolate("%(n)s files", {n: 3}). */
export function interpolate(text, values) {
  return text.replace(/%\((\w+)\)s/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
