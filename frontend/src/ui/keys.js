// Keys for the whole page.

/**
 * The character of a key in lower case. A Korean, Greek or Cyrillic keyboard gives other letters, or "Process" while its
 * input method is on: the key's place tells which one is meant there.
 */
export function letterOf({ key, code }) {
  if (/^[\x20-\x7e]$/.test(key)) return key.toLowerCase();
  const place = /^Key([A-Z])$/.exec(code);
  return place && (key.length === 1 || key === "Process") ? place[1].toLowerCase() : key;
}

/** "1" or "Shift+1" for a key of the row of digits, whatever character the keyboard has there; else undefined. */
export function digitOf({ shiftKey, code }) {
  const digit = /^Digit([0-9])$/.exec(code)?.[1];
  return digit && (shiftKey ? `Shift+${digit}` : digit);
}

/** Keys for the whole page, except where somebody types or a control uses the key itself. */
export function listenToKeys(keymap) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (target.closest("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]")) return;
    if (event.key === " " && target.closest("button, a, summary, input")) return;
    const moves = /^(Arrow|Page|Home|End)/.test(event.key);
    if (moves && target.closest("input[type=range], input[type=radio], .menu, [role=tablist]")) return;
    const key = event.shiftKey && moves ? `Shift+${event.key}` : letterOf(event);
    // A character that has a meaning of its own keeps it, as the quote above 2 of a German keyboard.
    const named = /^[0-9]$/.test(key) ? undefined : keymap[key];
    const command = named ?? keymap[digitOf(event)] ?? keymap[key];
    if (!command) return;
    event.preventDefault();
    command();
  });
}
