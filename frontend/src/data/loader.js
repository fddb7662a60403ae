// Slices from the server, most wanted first: the one on the screen alone and at once, its neighbours in blocks.
import { inflate, splitSlices } from "../core/codec.js";

// A browser that cannot inflate by itself is sent each slice alone, inflated on the way.
const INFLATES = "DecompressionStream" in globalThis;
const BLOCK = INFLATES ? 8 : 1;
const MOST_AT_ONCE = 3;
const TRIES = 3;
const FIRST_RETRY_MS = 400;

/** Why slices are not there; `kind` is "session", "gone", "damaged" or "network". */
export class SliceProblem extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

/** Slices of one CT or mask. `keep(z, values)` takes what has arrived, `has(z)` tells what need not be fetched. */
export class Source {
  constructor({ url, type, length, depth, has, keep }) {
    Object.assign(this, { url, type, length, depth, has, keep });
  }

  async fetch(first, count, { signal, priority }) {
    const address = INFLATES ? `${this.url}/?first=${first}&count=${count}` : `${this.url}/${first}/`;
    let response;
    try {
      response = await fetch(address, { signal, priority, credentials: "same-origin" });
    } catch (error) {
      throw error.name === "AbortError" ? error : new SliceProblem("network");
    }
    if (response.status === 401) throw new SliceProblem("session");
    if (response.status === 403 || response.status === 404) throw new SliceProblem("gone");
    if (!response.ok) throw new SliceProblem("network");
    return this.unpack(first, await response.arrayBuffer());
  }

  async unpack(first, buffer) {
    try {
      const slices = INFLATES ? await Promise.all(splitSlices(buffer).map(inflate)) : [new Uint8Array(buffer)];
      for (const [index, bytes] of slices.entries()) {
        if (bytes.length !== this.length * this.type.BYTES_PER_ELEMENT) throw new RangeError("wrong length");
        if (!this.has(first + index)) this.keep(first + index, new this.type(bytes.buffer));
      }
    } catch {
      throw new SliceProblem("damaged");
    }
  }
}

export class Loader {
  /** @param {(source: Source, problem: SliceProblem|null) => void} onArrived */
  constructor(onArrived) {
    this.onArrived = onArrived;
    this.wanted = [];
    this.shown = null;
    this.running = new Map();
    this.problems = new Map();
  }

  /** Replace the wishes: [{source, z}], most important first; slice `shown` is the one a person waits for. */
  want(wishes, shown) {
    [this.wanted, this.shown] = [wishes, shown];
    this.makeRoom();
    this.pump();
  }

  /** What of the shown slice is not there yet. */
  awaited() {
    return this.wanted.filter(({ source, z }) => z === this.shown && !source.has(z));
  }

  /** What a person waits for does not queue behind what can wait. */
  makeRoom() {
    const urgent = this.awaited().find((wish) => !this.isRunning(wish));
    if (!urgent || this.running.size < MOST_AT_ONCE) return;
    const [key, job] = [...this.running].at(-1);
    job.controller.abort();
    this.running.delete(key);
  }

  /**
   * Fetch those of the slices `zs` of `source` that are not there, beside what else is wanted.
   * @param {{signal: AbortSignal, tell: (part: number) => void}} options `tell` hears how many are there, from 0 to 1
   * @throws {SliceProblem} when one of them cannot be had
   */
  async all(source, zs, { signal, tell }) {
    const missing = zs.filter((z) => !source.has(z));
    const blocks = [...new Set(missing.map((z) => Math.floor(z / BLOCK) * BLOCK))];
    let there = 0;
    const next = async () => {
      while (blocks.length) {
        signal.throwIfAborted();
        const first = blocks.shift();
        const count = Math.min(BLOCK, source.depth - first);
        await this.attempt({ source, first, count, priority: "high", controller: { signal } });
        there += missing.filter((z) => z >= first && z < first + count).length;
        tell(there / missing.length);
        this.onArrived(source, null);
      }
    };
    await Promise.all(Array.from({ length: MOST_AT_ONCE }, next));
  }

  isRunning(wish) {
    return [...this.running.values()].some((job) => covers(job, wish));
  }

  retry() {
    this.problems.clear();
    this.pump();
  }

  problemOf(source, z) {
    return [...this.problems.values()].find((failed) => covers(failed, { source, z }))?.problem ?? null;
  }

  pump() {
    // The shown slice has the line for itself.
    let alone = this.awaited().some((wish) => this.isRunning(wish));
    for (const wish of this.wanted) {
      if (this.running.size >= MOST_AT_ONCE) return;
      if (wish.source.has(wish.z) || (alone && wish.z !== this.shown)) continue;
      const failed = [...this.problems.values()].some((other) => covers(other, wish));
      if (failed || this.isRunning(wish)) continue;
      this.load(this.jobFor(wish));
      alone ||= wish.z === this.shown;
    }
  }

  /** The shown slice alone, others in blocks whose borders never move, so that answers are found in the browser's cache. */
  jobFor({ source, z }) {
    const alone = z === this.shown;
    const start = alone ? z : Math.floor(z / BLOCK) * BLOCK;
    const count = alone ? 1 : Math.min(BLOCK, source.depth - start);
    return { source, first: start, count, priority: alone ? "high" : "low", controller: new AbortController() };
  }

  async load(job) {
    const key = `${job.source.url} ${job.first} ${job.count}`;
    this.running.set(key, job);
    let problem = null;
    try {
      await this.attempt(job);
    } catch (error) {
      problem = error;
    }
    if (this.running.get(key) === job) this.running.delete(key);
    if (problem?.name !== "AbortError") {
      if (problem) this.problems.set(key, { ...job, problem });
      this.onArrived(job.source, problem);
    }
    this.pump();
  }

  async attempt(job) {
    for (let round = 1; ; round += 1) {
      try {
        return await job.source.fetch(job.first, job.count, { signal: job.controller.signal, priority: job.priority });
      } catch (error) {
        if (error.kind !== "network" || round >= TRIES) throw error;
        await pause(FIRST_RETRY_MS * 2 ** (round - 1), job.controller.signal);
      }
    }
  }
}

function covers({ source, first, count }, wish) {
  return source === wish.source && wish.z >= first && wish.z < first + count;
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    });
  });
}
