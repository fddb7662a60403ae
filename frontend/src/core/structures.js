// The structures that the masks of one task name: how each is shown, which one the tools write, and what they must leave alone.
// Label values are 0 (background) to 255, as in the mask files; a table has an entry for each.

const VALUES = 256;
/** What the tools may overwrite beside a value: anything that is not locked or hidden, or the background alone. */
export const EVERYTHING = "everything";
export const BACKGROUND = "background";

/**
 * @typedef {object} Structure one label of a task in this window
 * @property {number} value @property {string} name @property {string} short what stands in the picture
 * @property {number[]} colour red, green, blue
 * @property {boolean} visible @property {boolean} locked
 * @property {number|null} opacity @property {boolean|null} outline null: as its mask
 */

/**
 * @typedef {object} Writing what a tool does to the labels
 * @property {number} value what it writes
 * @property {Uint8Array} open 1 for each label that it may overwrite
 */

/** A mask whose task is not known: one structure, so that it is shown and corrected as the mask that it is. */
const UNNAMED = { slug: "", name: "", labels: [{ value: 1, name: "", short: "", colour: "#d55e00" }] };

export class Structures {
  /** @param {{slug: string, name: string, labels: {value: number, name: string, short: string, colour: string}[]}} task */
  constructor(task = UNNAMED) {
    Object.assign(this, { slug: task.slug, name: task.name });
    /** @type {Structure[]} */
    this.list = task.labels.map((label) => ({
      ...label,
      colour: rgbOf(label.colour),
      visible: true,
      locked: false,
      opacity: null,
      outline: null,
    }));
    /** The value of the structure that the tools write. */
    this.active = this.list[0].value;
    /** EVERYTHING, BACKGROUND, or the value of the one structure that may be overwritten. */
    this.over = EVERYTHING;
  }

  /** A task of one label: its masks look and work as one shape. */
  get isSingle() {
    return this.list.length === 1;
  }

  /** @returns {Structure|null} */
  of(value) {
    return this.list.find((one) => one.value === value) ?? null;
  }

  get activeOne() {
    return this.of(this.active);
  }

  /** Whether a tool must leave a label as it is: it is locked, or it is not seen. */
  isProtected(value) {
    const one = this.isSingle ? null : this.of(value);
    return Boolean(one) && (one.locked || !one.visible);
  }

  /** 1 for each label that is locked or hidden. */
  protectedLabels() {
    const found = new Uint8Array(VALUES);
    for (const { value } of this.list) found[value] = Number(this.isProtected(value));
    return found;
  }

  /** What drawing does: the active structure goes over what may be overwritten. @returns {Writing} */
  drawing() {
    return { value: this.active, open: this.open(this.over) };
  }

  /** What erasing does. Where only the background may be overwritten, the active structure alone is erased. @returns {Writing} */
  erasing() {
    return { value: 0, open: this.open(this.over === BACKGROUND ? this.active : this.over) };
  }

  open(over) {
    if (this.isSingle) return new Uint8Array(VALUES).fill(1);
    const wanted = over === BACKGROUND ? 0 : over;
    return this.protectedLabels().map((kept, value) => Number(!kept && (wanted === EVERYTHING || wanted === value)));
  }

  /**
   * How each label is painted in a mask.
   * @param {{colour: number[], opacity: number, outline: boolean}} look of the mask; its colour is that of a single structure
   */
  paint(look) {
    if (this.isSingle) return paintOf(() => look);
    const looks = new Map(this.list.filter((one) => one.visible).map((one) => [one.value, lookIn(one, look)]));
    return paintOf((value) => looks.get(value));
  }
}

function lookIn({ colour, opacity, outline }, look) {
  return { colour, opacity: opacity ?? look.opacity, outline: outline ?? look.outline };
}

/** How a label is painted: not at all, filled, or as an outline. */
export const [UNSEEN, FILLED, OUTLINED] = [0, 1, 2];

/**
 * Tables by label, for view/paint.js: how it is painted, how much of the picture below it stays, and what is added to it.
 * @param {(value: number) => {colour: number[], opacity: number, outline: boolean}|undefined} lookOf undefined: not painted
 */
export function paintOf(lookOf) {
  const how = new Uint8Array(VALUES);
  const [keep, red, green, blue] = Array.from({ length: 4 }, () => new Float64Array(VALUES));
  for (let value = 1; value < VALUES; value += 1) {
    const look = lookOf(value);
    if (!look) continue;
    const opacity = look.outline ? 1 : look.opacity;
    how[value] = look.outline ? OUTLINED : FILLED;
    keep[value] = 1 - opacity;
    [red[value], green[value], blue[value]] = look.colour.map((part) => part * opacity);
  }
  return { how, keep, red, green, blue };
}

/** [red, green, blue] of "#rrggbb". */
export function rgbOf(text) {
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

/** `wanted` where both labels may change, else `before`; neither is written. `kept`: 1 for each label that must stay as it is. */
export function withoutProtected(before, wanted, kept) {
  const out = wanted.slice();
  for (let i = 0; i < out.length; i += 1) if (kept[before[i]] || kept[out[i]]) out[i] = before[i];
  return out;
}
