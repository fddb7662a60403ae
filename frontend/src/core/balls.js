// Grow, shrink and smooth a label by a ball with a radius in mm, exactly, whatever the spacing.
//
// A ball is a set of lines along x: for each (dy, dz) the half length that its circle leaves. A row of the result is the
// sum of what these lines cover of the label's runs; it is added up from the places where it changes, so that its cost
// does not grow with the length of the lines.
import { gapsOf, rowsOf } from "./rows.js";

const TELL_EVERY_ROWS = 2048;

/**
 * The lines of a ball of `radius` mm.
 * @param {{sx: number, sy: number, sz: number}} spacing mm
 * @returns {{dy: number, dz: number, half: number}[]} voxels; centres at most `radius` away belong to the ball
 */
export function ballLines(radius, { sx, sy, sz }) {
  const lines = [];
  const reach = (spacing) => Math.floor(radius / spacing + 1e-9);
  for (let dz = -reach(sz); dz <= reach(sz); dz += 1) {
    for (let dy = -reach(sy); dy <= reach(sy); dy += 1) {
      const rest = radius * radius - (dy * sy) ** 2 - (dz * sz) ** 2;
      if (rest >= -1e-9) lines.push({ dy, dz, half: Math.floor(Math.sqrt(Math.max(0, rest)) / sx + 1e-9) });
    }
  }
  return lines;
}

/** How many rows and slices around a label a ball of `radius` mm reaches. */
export function reachOf(radius, { sy, sz }) {
  return { y: Math.floor(radius / sy + 1e-9), z: Math.floor(radius / sz + 1e-9) };
}

/**
 * Label `value` gets every voxel within `radius` mm (centre to centre) that `free[its label]` allows.
 * @param {Piece} piece see rows.js: the box of the label and what the ball reaches around it; changed in place
 */
export function growBall(piece, { value, radius, free }, tell = () => {}) {
  const { labels, width } = piece;
  const near = nearRows(piece, rowsOf(piece, value), ballLines(radius, piece.grid));
  eachRow(piece, tell, (row, y, z) => {
    const covered = near(y, z);
    if (!covered) return;
    for (let x = 0, i = row * width; x < width; x += 1, i += 1) {
      if (covered[x] && labels[i] !== value && free[labels[i]]) labels[i] = value;
    }
  });
}

/**
 * Label `value` loses every voxel that has another one within `radius` mm. What lies outside of the grid counts as more of
 * the same: a spine that leaves the picture is not shortened there.
 * @param {Piece} piece the box of the label with a margin of one row and slice where the grid has one; changed in place
 */
export function shrinkBall(piece, { value, radius }, tell = () => {}) {
  const { labels, width } = piece;
  const rows = rowsOf(piece, value);
  const near = nearRows(piece, gapsOf(rows, width), ballLines(radius, piece.grid));
  eachRow(piece, tell, (row, y, z) => {
    const covered = rows.first[row] < rows.first[row + 1] && near(y, z);
    if (!covered) return;
    for (let x = 0, i = row * width; x < width; x += 1, i += 1) if (covered[x] && labels[i] === value) labels[i] = 0;
  });
}

/** A function of (y, z) of the piece: how many lines of the ball around each voxel of that row meet a run; null: none. */
function nearRows({ width, height, depth }, { first, starts, ends }, lines) {
  const steps = new Int32Array(width + 1);
  return (y, z) => {
    let any = false;
    for (const { dy, dz, half } of lines) {
      const [v, w] = [y + dy, z + dz];
      if (v < 0 || v >= height || w < 0 || w >= depth) continue;
      const row = w * height + v;
      for (let run = first[row]; run < first[row + 1]; run += 1) {
        if (!any) steps.fill(0);
        any = true;
        steps[Math.max(0, starts[run] - half)] += 1;
        steps[Math.min(width, ends[run] + half)] -= 1;
      }
    }
    if (!any) return null;
    for (let x = 1; x < width; x += 1) steps[x] += steps[x - 1];
    return steps;
  };
}

/**
 * The median of label `value` against everything else in a ball of `radius` mm: a voxel belongs to it where more than half
 * of its ball does. The last voxels of the grid go on beyond its border (so a spine that leaves the picture keeps its
 * end). What is won may only be taken where `free[its label]` allows; what is lost becomes background.
 * @param {Piece} piece the box of the label: a voxel outside of it never has half of its ball inside; changed in place
 */
export function smoothBall(piece, { value, radius, free }, tell = () => {}) {
  const { labels, width } = piece;
  const lines = ballLines(radius, piece.grid);
  const half = lines.reduce((sum, line) => sum + 2 * line.half + 1, 0) / 2;
  const counts = countRows(piece, rowsOf(piece, value), lines);
  eachRow(piece, tell, (row, y, z) => {
    const inside = counts(y, z);
    if (!inside) return; // no voxel of the label is on this row either: the ball's middle line is one of its lines
    for (let x = 0, i = row * width; x < width; x += 1, i += 1) {
      const isIn = labels[i] === value;
      if (inside[x] > half === isIn) continue;
      if (isIn) labels[i] = 0;
      else if (free[labels[i]]) labels[i] = value;
    }
  });
}

/**
 * A function of (y, z) of the piece: how many voxels of the ball around each voxel of that row are in the runs; null: none.
 * A line of half length h around x covers of a run [a, b) a number that rises by one for each step of x from a - h on, stays
 * from b - h or a + h + 1 on (whichever is first), and falls again: its second differences are four ones.
 */
function countRows({ width, height, depth, y0, z0, grid }, { first, starts, ends }, lines) {
  const longest = lines.reduce((most, line) => Math.max(most, line.half), 0);
  // Columns from -margin on: a run that touches the border goes on for as long as any line is.
  const margin = 2 * longest + 1;
  const bends = new Int32Array(width + 2 * margin + 2 * longest + 4);
  const counts = new Int32Array(width);
  const clamp = (value, last) => Math.max(0, Math.min(last, value));
  return (y, z) => {
    let any = false;
    for (const { dy, dz, half } of lines) {
      const v = clamp(y0 + y + dy, grid.height - 1) - y0;
      const w = clamp(z0 + z + dz, grid.depth - 1) - z0;
      if (v < 0 || v >= height || w < 0 || w >= depth) continue;
      const row = w * height + v;
      for (let run = first[row]; run < first[row + 1]; run += 1) {
        if (!any) bends.fill(0);
        any = true;
        const from = (starts[run] === 0 ? -longest - 1 : starts[run]) + margin;
        const to = (ends[run] === width ? width + longest + 1 : ends[run]) + margin;
        bends[from - half] += 1;
        bends[to - half] -= 1;
        bends[from + half + 1] -= 1;
        bends[to + half + 1] += 1;
      }
    }
    if (!any) return null;
    for (let i = 0, slope = 0, count = 0; i < width + margin; i += 1) {
      slope += bends[i];
      count += slope;
      if (i >= margin) counts[i - margin] = count;
    }
    return counts;
  };
}

function eachRow({ height, depth }, tell, act) {
  for (let z = 0, row = 0; z < depth; z += 1) {
    for (let y = 0; y < height; y += 1, row += 1) {
      act(row, y, z);
      if (row % TELL_EVERY_ROWS === 0) tell(row / (height * depth));
    }
  }
}
