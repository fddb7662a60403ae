// What lies over a picture: letters of the sides, a scale, the crosshair, the brush, a polygon in the making, measures.

const CROSSHAIR = "rgb(108 195 222 / 70%)";
const MEASURE = "#ffd54a";
const CHOSEN = "#ffffff";
const NICE = [1, 2, 5, 10, 20, 50, 100, 200];

export function drawLetters(context, view) {
  const { left, right, top, bottom } = view.letters();
  const { ratio, marks } = view;
  context.font = `600 ${15 * ratio}px system-ui, sans-serif`;
  context.fillStyle = "#f0c36a";
  context.strokeStyle = "#000";
  context.lineWidth = 3 * ratio;
  const put = (text, x, y, align, baseline) => {
    context.textAlign = align;
    context.textBaseline = baseline;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  };
  const inset = 10 * ratio;
  put(left, inset, marks.height / 2, "left", "middle");
  put(right, marks.width - inset, marks.height / 2, "right", "middle");
  put(top, marks.width / 2, inset, "center", "top");
  put(bottom, marks.width / 2, marks.height - inset, "center", "bottom");
}

/** The longest of the round lengths that fits into a fifth of the view. */
export function scaleLength(pixelsPerMm, width) {
  return NICE.findLast((mm) => mm * pixelsPerMm <= width / 5) ?? null;
}

export function drawScale(context, view) {
  if (!view.plane.grid.spacingKnown) return;
  const { ratio, marks, plane } = view;
  const perMm = view.scale().u / plane.su;
  const mm = scaleLength(perMm, marks.width);
  if (!mm) return;
  const long = mm * perMm;
  const [x, y] = [marks.width - 14 * ratio - long, marks.height - 16 * ratio];
  context.fillStyle = "#000";
  context.fillRect(x - ratio, y - ratio, long + 2 * ratio, 4 * ratio);
  context.fillStyle = "#fff";
  context.fillRect(x, y, long, 2 * ratio);
  context.font = `${12 * ratio}px system-ui, sans-serif`;
  context.textAlign = "right";
  context.textBaseline = "bottom";
  outlined(context, `${mm} mm`, x + long, y - 3 * ratio, ratio, "#fff");
}

function outlined(context, text, x, y, ratio, colour) {
  context.lineWidth = 3 * ratio;
  context.strokeStyle = "#000";
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

/** Short names of the structures at the places [u, v] where they lie. @param {{text: string, at: [number, number]}[]} names */
export function drawNames(context, view, names) {
  const { ratio } = view;
  context.font = `600 ${12 * ratio}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const { text, at } of names) outlined(context, text, ...toCanvas(view, at), ratio, "#fff");
}

/** Lines through the voxel, with a gap around it. */
export function drawCrosshair(context, view, voxel) {
  const [u, v] = view.plane.fromVoxel(...voxel);
  const { ratio, marks } = view;
  const [x, y] = view.screenAt(u, v).map((value) => value * ratio);
  const gap = 12 * ratio;
  context.strokeStyle = CROSSHAIR;
  context.lineWidth = ratio;
  context.beginPath();
  for (const [x1, y1, x2, y2] of [
    [0, y, x - gap, y],
    [x + gap, y, marks.width, y],
    [x, 0, x, y - gap],
    [x, y + gap, x, marks.height],
  ]) {
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
  }
  context.stroke();
}

/** The brush's circle: `radius` mm around picture coordinates [u, v]. */
export function drawBrush(context, view, [u, v], radius, erase) {
  const { ratio } = view;
  const [x, y] = view.screenAt(u, v).map((value) => value * ratio);
  const { u: scaleU } = view.scale();
  context.strokeStyle = erase ? "#ff9a9a" : "#8ff0b0";
  context.lineWidth = 1.5 * ratio;
  context.beginPath();
  context.arc(x, y, Math.max(2 * ratio, (radius / view.plane.su) * scaleU), 0, 2 * Math.PI);
  context.stroke();
}

function toCanvas(view, [u, v]) {
  return view.screenAt(u, v).map((value) => value * view.ratio);
}

function line(context, points, closed = false) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (closed) context.closePath();
  context.stroke();
}

export function drawPolygon(context, view, corners) {
  const points = corners.map((corner) => toCanvas(view, corner));
  context.strokeStyle = "#8ff0b0";
  context.lineWidth = 1.5 * view.ratio;
  line(context, points);
  context.fillStyle = "#8ff0b0";
  for (const [x, y] of points) context.fillRect(x - 2 * view.ratio, y - 2 * view.ratio, 4 * view.ratio, 4 * view.ratio);
}

/** The line along which a region is split, which goes on beyond its two points, and the point on the side that changes. */
export function drawSplit(context, view, [a, b = a, side = null]) {
  const { ratio, marks } = view;
  const [[ax, ay], [bx, by]] = [a, b].map((point) => toCanvas(view, point));
  const far = (marks.width + marks.height) / Math.max(1, Math.hypot(bx - ax, by - ay));
  context.strokeStyle = "#8ff0b0";
  context.fillStyle = context.strokeStyle;
  context.lineWidth = 1.5 * ratio;
  line(context, [
    [ax, ay],
    [bx, by],
  ]);
  context.setLineDash([4 * ratio, 4 * ratio]);
  line(context, [
    [ax - (bx - ax) * far, ay - (by - ay) * far],
    [bx + (bx - ax) * far, by + (by - ay) * far],
  ]);
  context.setLineDash([]);
  if (!side) return;
  const [x, y] = toCanvas(view, side);
  context.beginPath();
  context.arc(x, y, 4 * ratio, 0, 2 * Math.PI);
  context.fill();
}

/** A finished or growing measurement; `points` are [u, v] of this view, `words` its value. */
export function drawMeasurement(context, view, { kind, points, words, chosen }) {
  const { ratio } = view;
  const at = points.map((point) => toCanvas(view, point));
  context.strokeStyle = chosen ? CHOSEN : MEASURE;
  context.fillStyle = context.strokeStyle;
  context.lineWidth = 1.5 * ratio;
  if ((kind === "rectangle" || kind === "ellipse") && points.length === 2) drawRegion(context, view, kind, points);
  else if (kind === "cobb" || kind === "height-ratio") [0, 2].forEach((i) => line(context, at.slice(i, i + 2)));
  else line(context, at);
  for (const [x, y] of at) {
    context.beginPath();
    context.arc(x, y, 3 * ratio, 0, 2 * Math.PI);
    context.fill();
  }
  if (!words || !at.length) return;
  const [x, y] = at[at.length - 1];
  context.font = `${13 * ratio}px system-ui, sans-serif`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  words.split("\n").forEach((text, i) => outlined(context, text, x + 8 * ratio, y + 16 * i * ratio, ratio, MEASURE));
}

function drawRegion(context, view, kind, [from, to]) {
  const corners = [from, [to[0], from[1]], to, [from[0], to[1]]];
  if (kind === "rectangle")
    return line(
      context,
      corners.map((corner) => toCanvas(view, corner)),
      true,
    );
  const [cu, cv] = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  const [ru, rv] = [Math.abs(to[0] - from[0]) / 2, Math.abs(to[1] - from[1]) / 2];
  const points = Array.from({ length: 48 }, (_, i) => {
    const turn = (i / 48) * 2 * Math.PI;
    return toCanvas(view, [cu + ru * Math.cos(turn), cv + rv * Math.sin(turn)]);
  });
  line(context, points, true);
}
