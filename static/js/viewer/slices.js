// Slices from the server: fetched by importance, a few at a time, kept while memory allows.
//
// A slice is little-endian int16 HU or uint8 labels, inflated by the browser (Content-Encoding: deflate). Typed
// arrays use the machine's byte order; every machine with a browser today is little-endian.

const MOST_AT_ONCE = 4;
const TRIES = 3;
const FIRST_RETRY_MS = 400;

/** Why a slice is not there; `kind` is "session", "gone", "damaged" or "network". */
export class SliceProblem extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

/** One stack of slices of one type, e.g. the CT or one mask. */
export class Stack {
  constructor({ id, url, type, length }) {
    Object.assign(this, { id, url, type, length });
  }

  key(z) {
    return `${this.id}/${z}`;
  }

  /** @returns {Promise<Int16Array|Uint8Array>} */
  async fetch(z, { signal, priority }) {
    let response;
    try {
      response = await fetch(`${this.url}/${z}`, { signal, priority, credentials: "same-origin" });
    } catch (error) {
      throw error.name === "AbortError" ? error : new SliceProblem("network");
    }
    const html = (response.headers.get("Content-Type") ?? "").includes("text/html");
    if (response.status === 401 || (response.redirected && html)) throw new SliceProblem("session");
    if (response.status === 403 || response.status === 404) throw new SliceProblem("gone");
    if (!response.ok) throw new SliceProblem("network");
    const buffer = await response.arrayBuffer();
    if (buffer.byteLength !== this.length * this.type.BYTES_PER_ELEMENT) throw new SliceProblem("damaged");
    return new this.type(buffer);
  }
}

/** Keeps the most recently used slices of all stacks within `maxBytes`. */
export class SliceCache {
  constructor(maxBytes) {
    this.maxBytes = maxBytes;
    this.bytes = 0;
    this.slices = new Map();
  }

  get(key) {
    const slice = this.slices.get(key);
    if (slice) {
      this.slices.delete(key);
      this.slices.set(key, slice);
    }
    return slice;
  }

  has(key) {
    return this.slices.has(key);
  }

  set(key, slice) {
    if (this.slices.has(key)) return;
    this.slices.set(key, slice);
    this.bytes += slice.byteLength;
    for (const [oldest, old] of this.slices) {
      if (this.bytes <= this.maxBytes || oldest === key) break;
      this.slices.delete(oldest);
      this.bytes -= old.byteLength;
    }
  }
}

/** Fetches what is wanted, most wanted first, and stops what nobody wants any more. */
export class Loader {
  /** @param {(stack: Stack, z: number, problem: SliceProblem|null) => void} onArrived */
  constructor(cache, onArrived) {
    this.cache = cache;
    this.onArrived = onArrived;
    this.wanted = [];
    this.running = new Map();
    this.problems = new Map();
  }

  /** Replace the list of wanted slices, `[{stack, z}]`, most important first. */
  want(list) {
    this.wanted = list.filter(({ stack, z }) => !this.cache.has(stack.key(z)));
    const rank = new Map(this.wanted.map(({ stack, z }, index) => [stack.key(z), index]));
    for (const [key, job] of this.running) if (!rank.has(key)) job.controller.abort();
    this.makeRoom(rank);
    this.pump();
  }

  /** The slice a person waits for must not queue behind four that can wait. */
  makeRoom(rank) {
    const urgent = this.wanted[0];
    if (!urgent || this.running.has(urgent.stack.key(urgent.z)) || this.running.size < MOST_AT_ONCE) return;
    const [last] = [...this.running].sort(([a], [b]) => (rank.get(b) ?? Infinity) - (rank.get(a) ?? Infinity));
    last[1].controller.abort();
    this.running.delete(last[0]);
  }

  /** Forget earlier failures and go on. */
  retry() {
    this.problems.clear();
    this.pump();
  }

  pump() {
    for (const item of this.wanted) {
      if (this.running.size >= MOST_AT_ONCE) return;
      const key = item.stack.key(item.z);
      if (!this.running.has(key) && !this.cache.has(key) && !this.problems.has(key)) this.load(item, key);
    }
  }

  async load({ stack, z }, key) {
    const job = { controller: new AbortController() };
    const urgent = this.wanted[0]?.z === z;
    this.running.set(key, job);
    let problem = null;
    try {
      this.cache.set(key, await this.attempt(stack, z, job.controller.signal, urgent ? "high" : "low"));
    } catch (error) {
      problem = error;
    }
    if (this.running.get(key) === job) this.running.delete(key);
    if (problem?.name !== "AbortError") {
      if (problem) this.problems.set(key, problem);
      this.onArrived(stack, z, problem);
    }
    this.pump();
  }

  async attempt(stack, z, signal, priority) {
    for (let round = 1; ; round += 1) {
      try {
        return await stack.fetch(z, { signal, priority });
      } catch (error) {
        if (error.kind !== "network" || round >= TRIES) throw error;
        await pause(FIRST_RETRY_MS * 2 ** (round - 1), signal);
      }
    }
  }
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

/** The order in which slices around `z` will be needed: two ahead in reading direction for each one behind. */
export function readingOrder(z, direction, depth, most) {
  const order = [z];
  let ahead = 1;
  let behind = 1;
  while (order.length < most && (inside(z + ahead * direction, depth) || inside(z - behind * direction, depth))) {
    for (const step of [ahead, ahead + 1]) push(order, z + step * direction, depth);
    push(order, z - behind * direction, depth);
    ahead += 2;
    behind += 1;
  }
  return order.slice(0, most);
}

function inside(z, depth) {
  return z >= 0 && z < depth;
}

function push(order, z, depth) {
  if (inside(z, depth)) order.push(z);
}
