// A small chart of the mask's area on every slice: where the mask is, and a click or drag to go there.

const HEIGHT = 44;

export class Strip {
  /** @param {HTMLCanvasElement} canvas @param {number[][]} series areas in pixels, one list for each mask */
  constructor(canvas, series, depth, { onPick, colours }) {
    Object.assign(this, { canvas, series, depth, onPick, colours });
    this.z = 0;
    new ResizeObserver(() => this.paint()).observe(canvas);
    const pick = (event) => this.pick(event);
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pick(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons && pick(event));
  }

  pick(event) {
    const box = this.canvas.getBoundingClientRect();
    const part = (event.clientX - box.left) / box.width;
    this.onPick(Math.max(0, Math.min(this.depth - 1, Math.floor(part * this.depth))));
  }

  show(z) {
    this.z = z;
    this.ask();
  }

  ask() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  paint() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.round(HEIGHT * ratio);
    const context = canvas.getContext("2d");
    const styles = getComputedStyle(canvas);
    const most = Math.max(1, ...this.series.flat());
    const step = canvas.width / this.depth;
    this.series.forEach((areas, index) => {
      context.fillStyle = `rgb(${this.colours[index].join(" ")} / ${index ? 1 : 0.85})`;
      areas.forEach((area, z) => {
        if (!area) return;
        const high = Math.max(ratio, (area / most) * (canvas.height - 4 * ratio));
        const gap = step > 4 * ratio ? ratio : 0;
        // The first mask is filled; a second one is a line at its own height.
        context.fillRect(z * step, canvas.height - high, Math.max(step - gap, 0.6), index ? 2 * ratio : high);
      });
    });
    context.fillStyle = styles.getPropertyValue("--spine-text") || "#fff";
    context.fillRect(Math.min((this.z + 0.5) * step - ratio, canvas.width - 2 * ratio), 0, 2 * ratio, canvas.height);
  }
}
