// Numbers, sizes and times in the language of the page.
import { gettext, interpolate, ngettext } from "./i18n.js";

const language = document.documentElement.lang || "en";
const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** 1234.5 -> "1,234.5" with `digits` decimals. */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** Bytes with the unit a person reads: "12.3 MB". */
export function bytes(size) {
  let unit = 0;
  let value = size;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(value, unit < 2 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** Seconds, coarsely, as a time that is left: "about 2 minutes left". */
export function timeLeft(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return "";
  if (seconds < 10) return gettext("a few seconds left");
  if (seconds < 90) return interpolate(gettext("about %(n)s s left"), { n: Math.ceil(seconds / 5) * 5 });
  const minutes = Math.round(seconds / 60);
  return interpolate(ngettext("about %(n)s minute left", "about %(n)s minutes left", minutes), { n: number(minutes) });
}
