// Which slice to look at next.

/** Below this expected Dice (spineml/confidence.py) a slice is worth a look. */
export const DOUBTFUL = 0.9;

/**
 * The first slice after `z` in `direction` for which `isWanted` holds, going round once; `z` itself comes last.
 * @param {(z: number) => boolean|Promise<boolean>} isWanted @returns {Promise<number|null>}
 */
export async function nextWhere(z, direction, depth, isWanted) {
  for (let step = 1; step <= depth; step += 1) {
    const at = (((z + step * direction) % depth) + depth) % depth;
    if (await isWanted(at)) return at;
  }
  return null;
}

/** Slices that the network was least sure of. @param {number[]} confidence by slice, may be empty */
export function doubtfulSlices(confidence) {
  return confidence.flatMap((value, z) => (value < DOUBTFUL ? [z] : []));
}
