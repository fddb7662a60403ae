// The curves of a training. They come with the page and grow with the messages of its WebSocket (progress.js passes
// them on as `run:message`); an epoch that was missed while the network was away is asked for again.
import { gettext, interpolate } from "./i18n.js";
import { number } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const BOX = { left: 40, right: 10, top: 10, bottom: 40, height: 250 };
const MOST_POINTS = 1500;

/** @returns {SVGElement} a new element with attributes and text. */
function draw(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

/** Every n-th of many points, so that a long training stays quick to draw. */
function thinned(points) {
  const every = Math.ceil(points.length / MOST_POINTS);
  return every > 1 ? points.filter((_, place) => place % every === 0 || place === points.length - 1) : points;
}

/** Round steps for an axis: 1, 2 or 5 times a power of ten. */
export function ticks(low, high, count = 4) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? rough;
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) found.push(value);
  return found;
}

/** One chart: `lines` are {kind, points: [[x, y]]}, x in epochs. */
function chart(svg, lines, { low, high, last }) {
  const width = svg.clientWidth || 500;
  const [right, bottom] = [width - BOX.right, BOX.height - BOX.bottom];
  const x = (value) => BOX.left + (value / Math.max(last, 1)) * (right - BOX.left);
  const y = (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - BOX.top);
  const parts = [];
  for (const value of ticks(low, high)) {
    parts.push(draw("line", { class: "grid", x1: BOX.left, x2: right, y1: y(value), y2: y(value) }));
    parts.push(draw("text", { x: BOX.left - 6, y: y(value) + 4, "text-anchor": "end" }, number(value, high - low < 0.5 ? 2 : 1)));
  }
  for (const value of ticks(0, last).filter(Number.isInteger)) {
    parts.push(draw("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" }, number(value)));
  }
  parts.push(draw("text", { x: right, y: bottom + 34, "text-anchor": "end" }, gettext("Epoch")));
  for (const { kind, points } of lines) {
    const shown = thinned(points);
    const path = shown.map(([px, py]) => `${x(px).toFixed(1)},${y(Math.min(Math.max(py, low), high)).toFixed(1)}`).join(" ");
    if (shown.length) parts.push(draw("polyline", { class: `line line-${kind}`, points: path }));
    const end = shown.at(-1);
    if (end && kind !== "batch") parts.push(draw("circle", { class: `dot-${kind}`, cx: x(end[0]), cy: y(end[1]), r: 3.5 }));
  }
  svg.setAttribute("viewBox", `0 0 ${width} ${BOX.height}`);
  svg.replaceChildren(...parts);
}

class Curves {
  constructor(element) {
    this.element = element;
    const given = JSON.parse(document.getElementById(element.dataset.curves).textContent);
    this.address = given.address;
    this.epochs = new Map(given.epochs.map((epoch) => [epoch.epoch, epoch]));
    this.live = given.live ?? {};
    this.loss = element.querySelector("[data-curve=loss]");
    this.dice = element.querySelector("[data-curve=dice]");
    this.rows = element.querySelector("[data-curves-rows]");
    this.note = element.querySelector("[data-curves-note]");
    this.samples = document.querySelector("[data-samples]");
    // Drawn for the width it has, so that its words keep their size on a phone.
    new ResizeObserver(() => this.draw()).observe(this.loss);
  }

  /** What the socket said: the epochs without their batches, and the one that is going. */
  take(run) {
    if (!run.epochs) return;
    let missing = false;
    for (const epoch of run.epochs) {
      if (this.epochs.has(epoch.epoch)) continue;
      const batches = this.live.epoch === epoch.epoch ? this.live.batch_losses ?? [] : [];
      this.epochs.set(epoch.epoch, { ...epoch, batch_losses: batches });
      missing = true;
    }
    this.live = run.live ?? {};
    if (missing) this.fill();
    this.draw();
  }

  /** The batches of the epochs that ended while nobody listened, or between two messages, and new pictures. */
  async fill() {
    try {
      const answer = await fetch(this.address, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const { epochs, samples } = await answer.json();
      for (const epoch of epochs) this.epochs.set(epoch.epoch, epoch);
      this.draw();
      this.show(samples);
    } catch {
      // The next epoch asks again.
    }
  }

  /** Pictures of validation slices, newest first; drawn again only when there are more. */
  show(samples) {
    const list = this.samples?.querySelector("[data-samples-list]");
    if (!list || samples.length === list.children.length) return;
    list.replaceChildren(...samples.toSorted((one, other) => other.epoch - one.epoch).map(picture));
    this.samples.hidden = false;
  }

  draw() {
    const epochs = [...this.epochs.values()].sort((a, b) => a.epoch - b.epoch);
    const batches = epochs.flatMap((epoch) => spread(epoch.batch_losses ?? [], epoch.epoch - 1, 1));
    const perEpoch = epochs.length ? epochs[0].step : this.live.batch_losses?.length || 1;
    const going = (this.live.batch_losses ?? []).map((loss, n) => [epochs.length + (n + 1) / perEpoch, loss]);
    if (this.live.epoch > epochs.length) batches.push(...going);
    const last = Math.max(epochs.length, batches.at(-1)?.[0] ?? 0, 1);
    const train = epochs.map((epoch) => [epoch.epoch, epoch.loss]);
    const highest = Math.max(...[...batches, ...train].map(([, loss]) => loss), 0.1);
    chart(this.loss, [{ kind: "batch", points: batches }, { kind: "train", points: train }], { low: 0, high: highest, last });
    const of = (name) => epochs.filter((epoch) => epoch[name] != null).map((epoch) => [epoch.epoch, epoch[name]]);
    const dice = [{ kind: "train", points: of("train_dice") }, { kind: "validation", points: of("validation_dice") }];
    const lowest = Math.min(...dice.flatMap(({ points }) => points.map(([, value]) => value)), 1);
    chart(this.dice, dice, { low: Math.max(0, Math.floor(lowest * 10 - 0.5) / 10), high: 1, last });
    this.table(epochs);
  }

  table(epochs) {
    const digits = (value) => (value == null ? "–" : number(value, 4));
    const rows = epochs.toReversed().map((epoch) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = number(epoch.epoch);
      const rate = epoch.learning_rate.toPrecision(2);
      const cells = [digits(epoch.loss), digits(epoch.train_dice), digits(epoch.validation_dice), rate, `${number(epoch.seconds)} s`];
      row.append(head, ...cells.map((text) => Object.assign(document.createElement("td"), { className: "end", textContent: text })));
      return row;
    });
    this.rows.replaceChildren(...rows);
    const judged = epochs.filter((epoch) => epoch.validation_dice != null);
    if (!judged.length) return;
    const best = judged.reduce((one, other) => (other.validation_dice > one.validation_dice ? other : one));
    this.note.textContent = interpolate(gettext("Best so far: epoch %(epoch)s, validation Dice %(dice)s."), {
      epoch: number(best.epoch),
      dice: number(best.validation_dice, 4),
    });
  }
}

/** @returns {HTMLLIElement} one picture with its epoch and Dice. */
function picture(sample) {
  const item = document.createElement("li");
  const figure = document.createElement("figure");
  const image = Object.assign(new Image(240, 240), { src: sample.picture, loading: "lazy" });
  const values = { epoch: number(sample.epoch), slice: number(sample.slice + 1), dice: sample.dice == null ? "–" : number(sample.dice, 3) };
  image.alt = interpolate(gettext("Epoch %(epoch)s, slice %(slice)s: Dice %(dice)s"), values);
  const caption = document.createElement("figcaption");
  caption.className = "small";
  caption.textContent = interpolate(gettext("Epoch %(epoch)s, Dice %(dice)s"), values);
  figure.append(image, caption);
  item.append(figure);
  return item;
}

/** Losses spread evenly over `width` epochs from `start`. */
function spread(losses, start, width) {
  return losses.map((loss, n) => [start + ((n + 1) / losses.length) * width, loss]);
}

for (const element of document.querySelectorAll("[data-curves]")) {
  const curves = new Curves(element);
  document.addEventListener("run:message", (event) => curves.take(event.detail));
}
