// What passes by itself, but not under a hand or a focus: whoever is reading it is not hurried.

/** Calls `end` once `element` was left alone for `delay` milliseconds. */
export function passAfter(element, delay, end) {
  let timer = setTimeout(end, delay);
  for (const begin of ["pointerenter", "focusin"]) element.addEventListener(begin, () => clearTimeout(timer));
  for (const leave of ["pointerleave", "focusout"]) {
    element.addEventListener(leave, () => {
      clearTimeout(timer);
      timer = setTimeout(end, delay);
    });
  }
}
