// Measurements: computed at once, saved with the series, listed beside the picture.
import { number } from "../../../static/js/format.js";
import { gettext } from "../../../static/js/i18n.js";
import { angle, cobb, heightRatio, length, regionStatistics, sameSense } from "../core/measure.js";

/** How many points each kind has. */
export const POINTS = { length: 2, angle: 3, cobb: 4, rectangle: 2, ellipse: 2, "height-ratio": 4 };

export class Measuring {
  constructor(reader, saved) {
    this.reader = reader;
    this.list = saved;
    this.chosen = null;
    this.unsaved = [];
  }

  /** Compute and save what was set in `view`: `points` are [u, v]. */
  finish(kind, view, points) {
    const { grid } = this.reader;
    let set = points.map(([u, v]) => ({ u, v, lps: grid.toLps(...view.plane.toVoxel(u, v, view.k)) }));
    if (kind === "cobb") set = sameSense(set);
    const lps = set.map((point) => point.lps);
    const values = this.valuesOf(kind, view, points, lps);
    if (!values || Object.values(values).some((value) => !Number.isFinite(value))) {
      return this.reader.say(gettext("These points make no measurement. Set them again."));
    }
    const measurement = { kind, plane: view.plane.name, index: view.k, points: lps, values };
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
    const { kind, plane, index, points, values } = measurement;
    try {
      Object.assign(measurement, await api.send("POST", addresses.measurements, { kind, plane, index, points, values }));
      this.unsaved = this.unsaved.filter((one) => one !== measurement);
      if (!this.unsaved.length) this.reader.notices.drop("measurement");
    } catch (problem) {
      if (!this.unsaved.includes(measurement)) this.unsaved.push(measurement);
      this.reader.notices.show("measurement", {
        text: problem.kind === "session" ? gettext("Your session has ended, so the measurement is not saved yet. Log in again in another window, then try again.") : gettext("The measurement is not saved yet."),
        login: problem.kind === "session",
        actions: [{ words: gettext("Try again"), act: () => this.retry() }],
      });
    }
    this.changed();
  }

  retry() {
    return Promise.all([...this.unsaved].map((one) => this.save(one)));
  }

  async remove(measurement) {
    const { api, addresses } = this.reader;
    if (measurement.id) {
      try {
        await api.send("DELETE", `${addresses.measurement}${measurement.id}/`);
      } catch (problem) {
        return this.reader.say(problem.body.detail ?? gettext("The measurement could not be removed. Try again."));
      }
    }
    this.list = this.list.filter((one) => one !== measurement);
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

export function nameOf(kind) {
  return {
    length: gettext("Length"), angle: gettext("Angle"), cobb: gettext("Cobb angle"), rectangle: gettext("Rectangle"),
    ellipse: gettext("Ellipse"), "height-ratio": gettext("Height ratio"),
  }[kind];
}
