// Connected regions of one picture (four neighbours).

/** Visit every pixel connected to `seed` for which `open` is true; each once. */
export function flood(seed, width, height, open, visit) {
  if (!open(seed)) return;
  const seen = new Uint8Array(width * height);
  const stack = [seed];
  seen[seed] = 1;
  while (stack.length) {
    const i = stack.pop();
    visit(i);
    const x = i % width;
    if (x > 0) push(i - 1);
    if (x < width - 1) push(i + 1);
    if (i >= width) push(i - width);
    if (i < width * (height - 1)) push(i + width);
  }
  function push(i) {
    if (seen[i] || !open(i)) return;
    seen[i] = 1;
    stack.push(i);
  }
}

/**
 * Fill what the structure `value` encloses: what no path beside it joins to the border.
 * @param {Uint8Array} mask changed in place @param {(label: number) => boolean} fills which labels give way to it
 * @returns {number} how many pixels were filled
 */
export function fillHoles(mask, width, height, value = 1, fills = (label) => label === 0) {
  const outside = new Uint8Array(mask.length);
  const open = (i) => mask[i] !== value && !outside[i];
  const mark = (i) => {
    outside[i] = 1;
  };
  for (let x = 0; x < width; x += 1) for (const y of [0, height - 1]) flood(y * width + x, width, height, open, mark);
  for (let y = 0; y < height; y += 1) for (const x of [0, width - 1]) flood(y * width + x, width, height, open, mark);
  let filled = 0;
  for (let i = 0; i < mask.length; i += 1) {
    if (mask[i] === value || outside[i] || !fills(mask[i])) continue;
    mask[i] = value;
    filled += 1;
  }
  return filled;
}

/**
 * Pixels connected to `seed` whose HU lies within `tolerance` of the mean around the seed (3 x 3).
 * @param {Int16Array|Float32Array} hu NaN where nothing is known: the region ends there
 * @returns {{found: number[], complete: boolean}} indices; whether nothing unknown lies beside the region
 */
export function grow(hu, seed, width, height, tolerance) {
  const level = meanAround(hu, seed, width, height);
  const found = [];
  let complete = true;
  const open = (i) => {
    if (Number.isNaN(hu[i])) complete = false;
    return Math.abs(hu[i] - level) <= tolerance;
  };
  flood(seed, width, height, open, (i) => found.push(i));
  return { found, complete };
}

function meanAround(hu, seed, width, height) {
  const [x, y] = [seed % width, Math.floor(seed / width)];
  let [sum, count] = [0, 0];
  for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v += 1) {
    for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u += 1) {
      const value = hu[v * width + u];
      if (Number.isNaN(value)) continue;
      sum += value;
      count += 1;
    }
  }
  return sum / count;
}

/**
 * Where to write the name of each label: the pixel of the label nearest to the middle of its pixels, of every second row and
 * column.
 * @param {Uint8Array} labels @returns {Map<number, [number, number]>} [column, row] by label
 */
export function anchorsOf(labels, width, height) {
  const [count, sumX, sumY] = [0, 1, 2].map(() => new Float64Array(256));
  const nearest = new Float64Array(256).fill(Infinity);
  const at = new Map();
  const visit = (act) => {
    for (let y = 0; y < height; y += 2) for (let x = 0, i = y * width; x < width; x += 2, i += 2) if (labels[i]) act(labels[i], x, y);
  };
  visit((label, x, y) => {
    count[label] += 1;
    sumX[label] += x;
    sumY[label] += y;
  });
  visit((label, x, y) => {
    const away = (x - sumX[label] / count[label]) ** 2 + (y - sumY[label] / count[label]) ** 2;
    if (away >= nearest[label]) return;
    nearest[label] = away;
    at.set(label, [x, y]);
  });
  return at;
}

/** Mean column and row of the marked pixels, rounded; null when there is no slice or nothing is marked. */
export function middleOf(mask, width) {
  let [count, sumU, sumV] = [0, 0, 0];
  mask?.forEach((value, i) => {
    if (!value) return;
    count += 1;
    sumU += i % width;
    sumV += Math.floor(i / width);
  });
  return count ? [Math.round(sumU / count), Math.round(sumV / count)] : null;
}
