// One label of a piece of a mask as runs, row by row: what works on whole volumes works on these.
//
// A piece (`Piece`) is a stack of rows of full width, cut out of the slices of a mask:
// {labels: Uint8Array, width, height, depth, y0, z0, grid: {width, height, depth}}; labels[(z * height + y) * width + x] is
// voxel (x, y0 + y, z0 + z) of the grid.

/**
 * @typedef {object} Rows
 * @property {Uint32Array} first number of the first run of each row; one more entry than rows
 * @property {Int32Array} starts columns at which the runs begin
 * @property {Int32Array} ends columns after which they end
 */

/** The runs of `value` in every row of a piece. @returns {Rows} */
export function rowsOf({ labels, width }, value) {
  const count = labels.length / width;
  const first = new Uint32Array(count + 1);
  let [starts, ends] = [new Int32Array(4096), new Int32Array(4096)];
  let runs = 0;
  // The next voxel of the label; rows before it are empty, and the engine's own search is the quickest.
  let next = labels.indexOf(value);
  for (let row = 0; row < count; row += 1) {
    first[row] = runs;
    const end = (row + 1) * width;
    if (next < 0 || next >= end) continue;
    for (let i = next; i < end; ) {
      const start = i;
      while (i < end && labels[i] === value) i += 1;
      if (runs === starts.length) [starts, ends] = [longer(starts), longer(ends)];
      starts[runs] = start - row * width;
      ends[runs] = i - row * width;
      runs += 1;
      while (i < end && labels[i] !== value) i += 1;
    }
    next = labels.indexOf(value, end);
  }
  first[count] = runs;
  return { first, starts: starts.slice(0, runs), ends: ends.slice(0, runs) };
}

function longer(values) {
  const out = new Int32Array(values.length * 2);
  out.set(values);
  return out;
}

/** What the runs leave free of each row of `width` voxels, as runs. @param {Rows} rows @returns {Rows} */
export function gapsOf({ first, starts, ends }, width) {
  const count = first.length - 1;
  const out = {
    first: new Uint32Array(count + 1),
    starts: new Int32Array(starts.length + count),
    ends: new Int32Array(starts.length + count),
  };
  let gaps = 0;
  const add = (from, to) => {
    if (from >= to) return;
    [out.starts[gaps], out.ends[gaps]] = [from, to];
    gaps += 1;
  };
  for (let row = 0; row < count; row += 1) {
    out.first[row] = gaps;
    let at = 0;
    for (let run = first[row]; run < first[row + 1]; run += 1) {
      add(at, starts[run]);
      at = ends[run];
    }
    add(at, width);
  }
  out.first[count] = gaps;
  return out;
}
