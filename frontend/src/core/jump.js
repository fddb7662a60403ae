// Which slice to look at next.

// Expected Dice (spineml/metrics/expected_dice.py): always worth a look; sure enough not to be looked for.
const DOUBTFUL = 0.9;
const SURE = 0.97;
const LEAST_SURE_PART = 0.1;

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

/** Slices of which the network was not sure, and the least sure tenth. @param {number[]} confidence by slice, may be empty */
export function doubtfulSlices(confidence) {
  const tenth = [...confidence].sort((a, b) => a - b)[Math.floor(confidence.length * LEAST_SURE_PART)];
  return confidence.flatMap((value, z) => (value < DOUBTFUL || (value < SURE && value <= tenth) ? [z] : []));
}
