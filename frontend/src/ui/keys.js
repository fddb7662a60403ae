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
    const command = keymap[key];
    if (!command) return;
    event.preventDefault();
    command();
  });
}
