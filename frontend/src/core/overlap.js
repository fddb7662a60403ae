// How far two masks of one slice agree.

/**
 * Pixels that both mark, that only `a` marks, that only `b` marks, and that both mark as different structures.
 * @param {Uint8Array} a @param {Uint8Array} b
 * @param {boolean} named whether a label of one is the same structure in the other; else only marked or not counts
 */
export function overlap(a, b, named = false) {
  const found = { agreed: 0, onlyA: 0, onlyB: 0, relabelled: 0 };
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] && b[i]) found[named && a[i] !== b[i] ? "relabelled" : "agreed"] += 1;
    else if (a[i]) found.onlyA += 1;
    else if (b[i]) found.onlyB += 1;
  }
  return found;
}

/**
 * Dice = 2 TP / (2 TP + FP + FN), of all structures together: a pixel of another structure is a false positive of one and a
 * false negative of the other. Null when both are empty.
 */
export function dice({ agreed, onlyA, onlyB, relabelled }) {
  const all = 2 * (agreed + relabelled) + onlyA + onlyB;
  return all ? (2 * agreed) / all : null;
}
