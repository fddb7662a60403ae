// How far two masks of one slice agree.

/** Pixels that both mark, that only `a` marks, that only `b` marks. @param {Uint8Array} a @param {Uint8Array} b */
export function overlap(a, b) {
  const found = { agreed: 0, onlyA: 0, onlyB: 0 };
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] && b[i]) found.agreed += 1;
    else if (a[i]) found.onlyA += 1;
    else if (b[i]) found.onlyB += 1;
  }
  return found;
}

/** Dice = 2 TP / (2 TP + FP + FN); null when both are empty. */
export function dice({ agreed, onlyA, onlyB }) {
  const all = 2 * agreed + onlyA + onlyB;
  return all ? (2 * agreed) / all : null;
}
