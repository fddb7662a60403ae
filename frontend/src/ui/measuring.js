// Measurements: computed at once, saved with the series, listed beside the picture.
import { number } from "../../../static/js/format.js";
import { gettext } from "../../../static/js/i18n.js";
import { angle, cobb, heightRatio, length, regionStatistics, sameSense } from "../core/measure.js";

/** How many points each kind has, and the cut of a region: two of its line, and one beside it. */
export const POINTS = { length: 2, angle: 3, cobb: 4, rectangle: 2, ellipse: 2, "height-ratio": 4, split: 3 };

export class Measuring {
  constructor(reader, saved, { user, series }) {
    this.reader = reader;
    this.list = saved;
    this.chosen = null;
    this.shelf = `spine-measured:${user.id}:${series.id}`;
    this.unsaved = this.found();
    this.list.push(...this.unsaved);
  }

  /** What an earlier page measured and could not send. What the server has was sent, though the answer was lost. */
  found() {
    const known = new Set(this.list.map((one) => one.id));
    try {
      return JSON.parse(localStorage.getItem(this.shelf) ?? "[]").filter((one) => !known.has(one.key));
    } catch {
      return [];
    }
  }

  /** Keep in this browser what is not sent, for a page that closes. */
  keepHere() {
    try {
      if (this.unsaved.length) localStorage.setItem(this.shelf, JSON.stringify(this.unsaved));
      else localStorage.removeItem(this.shelf);
    } catch {
      // No room, or not allowed: it is kept as long as the page is open.
    }
  }

  start() {
    if (this.unsaved.length) this.retry();
    else this.keepHere();
  }

  /** Compute and save what was set in `view`: `points` are [u, v]. */
  finish(kind, view, points) {
    const { grid } = this.reader;
    let set = points.map(([u, v]) => ({ u, v, lps: grid.toLps(...view.plane.toVoxel(u, v, view.k)) }));
    if (kind === "cobb") set = sameSense(set);
    const lps = set.map((point) => point.lps);
    const values = this.valuesOf(kind, view, points, lps);
    if (!values || Object.values(values).some((value) => !Number.isFinite(value))) {
      return this.reader.say(gettext("Invalid measurement: place the points again."));
    }
    const measurement = { key: newId(), kind, plane: view.plane.name, index: view.k, points: lps, values };
    this.list.push(measurement);
    this.reader.say(`${nameOf(kind)}: ${this.words(measurement).replaceAll("\n", ", ")}`);
    this.changed();
    return this.save(measurement);
  }

  valuesOf(kind, view, points, lps) {
    if (kind === "length") return { length_mm: length(...lps) };
    if (kind === "angle") return { degrees: angle(lps) };
    if (kind === "cobb") return { degrees: cobb(lps) };
    if (kind === "height-ratio") return heightRatio(lps);
    const { plane } = view;
    const facts = { kind, from: points[0], to: points[1], width: plane.width, height: plane.height, pixelArea: plane.su * plane.sv };
    return regionStatistics(facts, (u, v) => view.hu[v * plane.width + u]);
  }

  async save(measurement) {
    const { api, addresses } = this.reader;
    const { key, kind, plane, index, points, values } = measurement;
    if (!this.unsaved.includes(measurement)) this.unsaved.push(measurement);
    this.keepHere();
    try {
      Object.assign(measurement, await api.send("POST", addresses.measurements, { id: key, kind, plane, index, points, values }));
      this.forget(measurement);
      if (!this.unsaved.length) this.reader.notices.drop("measurement");
    } catch (problem) {
      this.reader.notices.show("measurement", {
        text:
          problem.kind === "session"
            ? gettext("Your session has ended, so the measurement is not saved yet. Log in again in another window, then try again.")
            : gettext("The measurement is not saved yet."),
        login: problem.kind === "session",
        actions: [{ words: gettext("Try again"), act: () => this.retry() }],
      });
    }
    this.changed();
  }

  forget(measurement) {
    this.unsaved = this.unsaved.filter((one) => one !== measurement);
    this.keepHere();
  }

  retry() {
    return Promise.all([...this.unsaved].map((one) => this.save(one)));
  }

  async remove(measurement) {
    const { api, addresses } = this.reader;
    try {
      // Of one that is not saved the server may have heard, and only the answer was lost.
      await api.send("DELETE", `${addresses.measurement}${measurement.id ?? measurement.key}/`);
    } catch (problem) {
      if (measurement.id || problem.body.code !== "not-found") {
        return this.reader.say(problem.body.detail ?? gettext("The measurement could not be removed. Try again."));
      }
    }
    this.list = this.list.filter((one) => one !== measurement);
    this.forget(measurement);
    if (!this.unsaved.length) this.reader.notices.drop("measurement");
    this.changed();
  }

  changed() {
    this.reader.panels.showMeasurements();
    this.reader.refreshMarks();
  }

  /** The measurements that lie on what `view` shows, with their points in its picture. */
  on(view) {
    const { grid } = this.reader;
    return this.list
      .filter((one) => one.plane === view.plane.name && one.index === view.k)
      .map((one) => ({
        kind: one.kind,
        points: one.points.map((lps) => view.plane.fromVoxel(...grid.toVoxel(lps)).slice(0, 2)),
        words: this.words(one),
        chosen: one === this.chosen,
      }));
  }

  words({ kind, values }) {
    const known = this.reader.grid.spacingKnown;
    const [mm, mm2] = known ? ["mm", "mm²"] : ["px", "px²"];
    if (kind === "length") return `${number(values.length_mm, 1)} ${mm}`;
    if (kind === "angle" || kind === "cobb") return `${number(values.degrees, 1)}°`;
    if (kind === "height-ratio") {
      return `${number(values.ratio, 2)} (${number(values.anterior_mm, 1)} / ${number(values.posterior_mm, 1)} ${mm})`;
    }
    const spread = `${number(values.mean_hu, 1)} ± ${number(values.sd_hu, 1)} HU`;
    return `${spread}\n${number(values.min_hu)} … ${number(values.max_hu)}\n${number(values.area_mm2, 1)} ${mm2}`;
  }
}

/** A UUID; `crypto.randomUUID` is only there over HTTPS. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function nameOf(kind) {
  return {
    length: gettext("Length"),
    angle: gettext("Angle"),
    cobb: gettext("Cobb angle"),
    rectangle: gettext("Rectangle"),
    ellipse: gettext("Ellipse"),
    "height-ratio": gettext("Height ratio"),
  }[kind];
}
