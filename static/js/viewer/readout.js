// The words and numbers around the picture: slice, place, HU under the cursor, area of the mask.
import { number } from "../format.js";
import { gettext, interpolate } from "../i18n.js";

const ANNOUNCE_AFTER_MS = 400;
const SIDES = [["R", "L"], ["A", "P"], ["I", "S"]];

export class Readout {
  /** @param {(name: string) => HTMLElement} part */
  constructor(part, config, stage) {
    Object.assign(this, { part, config, stage });
    this.pointer = null;
    stage.onPaint = () => this.afterPaint();
  }

  slice(z, { ready, masks }) {
    this.z = z;
    this.ready = ready;
    this.masksReady = masks;
    this.part("position").textContent = interpolate(gettext("%(n)s / %(of)s"), { n: z + 1, of: this.config.depth });
    this.part("slider").setAttribute("aria-valuetext", this.sliceWords());
    this.part("height").textContent = this.heightWords();
    if (!ready) this.showHover("");
    this.announceLater();
  }

  sliceWords() {
    return interpolate(gettext("Slice %(n)s of %(of)s"), { n: this.z + 1, of: this.config.depth });
  }

  /** Where the slice lies along the body. */
  heightWords() {
    const { affine, depth, spacing_known: known } = this.config;
    if (!affine || !known || depth < 2) return "";
    const [, , s] = this.place((this.config.width - 1) / 2, (this.config.height - 1) / 2);
    return `${side(2, s)} ${number(Math.abs(s), 1)} mm`;
  }

  /** LPS mm of a pixel of the shown slice. */
  place(x, y) {
    const m = this.config.affine;
    return [0, 1, 2].map((row) => m[4 * row] * x + m[4 * row + 1] * y + m[4 * row + 2] * this.z + m[4 * row + 3]);
  }

  afterPaint() {
    if (this.pointer) this.hover(this.pointer.x, this.pointer.y);
    this.showArea();
  }

  hover(cssX, cssY) {
    this.pointer = { x: cssX, y: cssY };
    const at = this.ready && this.stage.slice ? this.stage.pixelAt(cssX, cssY) : null;
    if (!at) return this.showHover("");
    const hu = this.stage.slice.hu[at.y * this.config.width + at.x];
    const words = [`${number(hu)} HU`, `x ${at.x + 1}, y ${at.y + 1}`];
    if (this.config.affine && this.config.spacing_known) {
      words.push(`${this.place(at.x, at.y).map((value, axis) => `${side(axis, value)} ${number(Math.abs(value), 1)}`).join("  ")} mm`);
    }
    this.showHover(words.join("  ·  "));
  }

  leave() {
    this.pointer = null;
    this.showHover("");
  }

  showHover(text) {
    this.part("hover").textContent = text;
  }

  /** Area of the mask on this slice, or of each class when two masks are compared. */
  showArea() {
    const box = this.part("area");
    if (!box) return;
    const counts = this.ready ? this.stage.counts() : null;
    if (!this.config.compare) {
      this.areaText = counts ? this.areaWords(counts[1]) : "–";
      box.textContent = this.areaText;
      return;
    }
    const [, missed, extra, agreed] = counts ?? [];
    for (const [name, value] of Object.entries({ agreed, extra, missed })) {
      this.part(`area-${name}`).textContent = counts ? this.areaWords(value) : "–";
    }
    this.areaText = "";
    box.textContent = counts ? diceWords(agreed, extra, missed) : "–";
  }

  areaWords(pixels) {
    const [, sy, sx] = this.config.spacing;
    const words = interpolate(gettext("%(n)s px"), { n: number(pixels) });
    return this.config.spacing_known ? `${number(pixels * sx * sy)} mm² (${words})` : words;
  }

  announceLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const area = this.areaText && this.areaText !== "–" ? interpolate(gettext("Mask %(area)s"), { area: this.areaText }) : "";
      this.part("live").textContent = [this.sliceWords(), area].filter(Boolean).join(". ");
    }, ANNOUNCE_AFTER_MS);
  }
}

function side(axis, value) {
  return SIDES[axis][value < 0 ? 0 : 1];
}

/** Dice = 2 TP / (2 TP + FP + FN); undefined when both are empty. */
function diceWords(agreed, extra, missed) {
  const all = 2 * agreed + extra + missed;
  return all ? number((2 * agreed) / all, 3) : gettext("both empty");
}
