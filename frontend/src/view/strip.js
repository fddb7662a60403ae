// The area of the masks on every slice of the plane in use, and where to look. A click or drag goes there.

const HEIGHT = 48;
const ROW = 4;
/** Marks above the areas, from the top: unsaved changes, the difference of two masks, doubts of the model, comments. */
const ROWS = [
  ["changed", "#ffd54a"],
  ["differing", "#ff7a7a"],
  ["doubtful", "#c9a0ff"],
  ["commented", "#6cc3de"],
];

export class Strip {
  /**
   * @param {() => {areas: {values: number[], colour: number[], parts?: {values: number[], colour: number[]}[]}[], k: number,
   *   count: number, changed?: number[], differing?: number[], doubtful?: number[], commented?: number[]}} read slice `k` of
   *   `count` is shown; `parts`: the structures that `values` is the sum of
   */
  constructor(canvas, { read, onPick }) {
    Object.assign(this, { canvas, read, onPick });
    new ResizeObserver(() => this.refresh()).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pick(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons && this.pick(event));
  }

  pick(event) {
    const part = event.offsetX / this.canvas.clientWidth;
    const { count } = this.read();
    this.onPick(Math.max(0, Math.min(count - 1, Math.floor(part * count))));
  }

  refresh() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  paint() {
    const { canvas } = this;
    const { areas, k, count, ...marked } = this.read();
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = HEIGHT * ratio;
    const context = canvas.getContext("2d");
    const step = canvas.width / count;
    const rows = ROWS.filter(([name]) => marked[name]);
    const room = canvas.height - rows.length * ROW * ratio - 2 * ratio;
    const most = areas.reduce((found, { values }) => values.reduce((a, b) => Math.max(a, b), found), 1);
    const put = (at, high, tall, colour) => {
      context.fillStyle = `rgb(${colour.join(" ")})`;
      context.fillRect(at * step, canvas.height - high, Math.max(step, 0.6), tall);
    };
    areas.forEach(({ values, colour, parts }, index) => {
      // The first mask is filled, its structures one on the other; other masks are lines at their own height.
      const stacked = index ? null : parts;
      values.forEach((area, at) => {
        if (!area) return;
        const high = Math.max(ratio, (area / most) * room);
        if (stacked) stack(stacked, at, (from, to, own) => put(at, (to / area) * high, ((to - from) / area) * high, own));
        else put(at, high, index ? 2 * ratio : high, colour);
      });
    });
    rows.forEach(([name, colour], row) => {
      context.fillStyle = colour;
      for (const at of marked[name]) context.fillRect(at * step, row * ROW * ratio, Math.max(step, 2 * ratio), (ROW - 1) * ratio);
    });
    context.fillStyle = "#fff";
    context.fillRect(Math.min((k + 0.5) * step - ratio, canvas.width - 2 * ratio), 0, 2 * ratio, canvas.height);
  }
}

/** The areas of one mask on the slices of `plane`, for `read`: of several structures those that are shown. */
export function stripAreas(layer, plane) {
  const { structures, colour } = layer;
  if (structures.isSingle) return { values: layer.areasOn(plane), colour };
  const byLabel = layer.labelAreasOn(plane);
  const shown = structures.list.filter((one) => one.visible && byLabel.has(one.value));
  const parts = shown.map((one) => ({ values: byLabel.get(one.value), colour: one.colour }));
  const values = Array.from({ length: plane.count }, (_, k) => parts.reduce((sum, part) => sum + part.values[k], 0));
  return { values, colour, parts };
}

/** Call `put` with the area below and above each structure of slice `at`, in their order. */
function stack(parts, at, put) {
  let below = 0;
  for (const { values, colour } of parts) {
    if (!values[at]) continue;
    put(below, below + values[at], colour);
    below += values[at];
  }
}
