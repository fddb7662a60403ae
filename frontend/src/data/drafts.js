// Unsaved corrections, kept twice: at once in this browser (IndexedDB), and a moment later on the server.
import { deflate, toBase64 } from "../core/codec.js";

const DATABASE = "spine-reading";
const STORE = "drafts";
const SEND_AFTER_MS = 1500;
const RETRY_AFTER_MS = 5000;

/** One object store, `key` to draft; every method gives null or does nothing where IndexedDB is not to be had. */
class Shelf {
  async open() {
    this.database ??= await new Promise((resolve) => {
      const request = indexedDB.open(DATABASE, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
    });
    return this.database;
  }

  async do(mode, act) {
    const database = await this.open().catch(() => null);
    if (!database) return null;
    return new Promise((resolve) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result ?? null);
      transaction.onerror = transaction.onabort = () => resolve(null);
    });
  }

  get(key) {
    return this.do("readonly", (store) => store.get(key));
  }

  put(key, value) {
    return this.do("readwrite", (store) => store.put(value, key));
  }

  delete(key) {
    return this.do("readwrite", (store) => store.delete(key));
  }
}

export class Drafts {
  /**
   * @param {{api, address: string, key: string, server: object|null}} options `server`: the draft the page came with
   * @param {(state: {kind: "kept"|"local"|"session"|"person"|"elsewhere", problem?: Error}) => void} onState
   */
  constructor({ api, address, key, server }, onState) {
    Object.assign(this, { api, address, key, onState });
    this.shelf = new Shelf();
    this.revision = server?.revision ?? 0;
    this.server = server;
    this.packed = new Map();
    this.unsent = new Set();
    this.base = null;
    this.task = null;
    this.stopped = false;
    this.held = false;
    this.sending = null;
    this.queue = Promise.resolve();
  }

  /** The draft to go on with, {base, task, slices: {z: base64}, at}: the later one of this browser's and the server's. */
  async find() {
    const local = await this.shelf.get(this.key);
    const server = this.server && { ...this.server, at: Date.parse(this.server.updated_at) };
    // What this browser holds and never could send is newer, whatever the clocks say. What it had sent and the server no
    // longer has was saved or thrown away elsewhere.
    if (local?.unsent?.length) return local;
    if (local && !server) await this.shelf.delete(this.key);
    return server ?? null;
  }

  /** Take over what `find` gave. */
  adopt(draft) {
    [this.base, this.task] = [draft.base, draft.task];
    this.packed = new Map(Object.entries(draft.slices).map(([z, text]) => [Number(z), text]));
    for (const z of draft.unsent ?? []) this.unsent.add(z);
    if (this.unsent.size) this.sendLater(0);
  }

  /**
   * Slices `zs` of `layer` have changed. They are packed in order, one call after the other.
   * @returns {Promise<void>} when this browser has them
   */
  keep(layer, zs) {
    this.base = layer.id;
    this.task = layer.id === null ? layer.facts.task : null;
    const snapshots = zs.map((z) => [z, layer.isChanged(z) ? layer.slice(z).slice() : null]);
    this.queue = this.queue.then(async () => {
      for (const [z, labels] of snapshots) {
        if (labels) this.packed.set(z, toBase64(await deflate(labels)));
        else this.packed.delete(z);
        this.unsent.add(z);
      }
      await this.keepHere();
      this.sendLater(SEND_AFTER_MS);
    });
    return this.queue;
  }

  keepHere() {
    const value = {
      base: this.base,
      task: this.task,
      slices: Object.fromEntries(this.packed),
      unsent: [...this.unsent],
      revision: this.revision,
      at: Date.now(),
    };
    return this.packed.size || this.unsent.size ? this.shelf.put(this.key, value) : this.shelf.delete(this.key);
  }

  sendLater(ms) {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => this.send(), ms);
  }

  send({ keepalive = false } = {}) {
    clearTimeout(this.timer);
    if (this.sending || this.stopped || this.held || !this.unsent.size) return this.sending;
    this.sending = this.sendNow(keepalive).finally(() => {
      this.sending = null;
      if (this.unsent.size) this.sendLater(RETRY_AFTER_MS);
    });
    return this.sending;
  }

  async sendNow(keepalive) {
    const zs = [...this.unsent];
    const slices = Object.fromEntries(zs.map((z) => [z, this.packed.get(z) ?? null]));
    try {
      const body = { base: this.base, ...(this.task ? { task: this.task } : {}), slices, revision: this.revision };
      const answer = await this.api.send("PUT", this.address, body, { keepalive });
      this.revision = answer.revision;
      for (const z of zs) if ((this.packed.get(z) ?? null) === slices[z]) this.unsent.delete(z);
      await this.keepHere();
      this.onState({ kind: "kept" });
    } catch (problem) {
      this.failed(problem);
    }
  }

  /** Nothing is sent while a save is on its way: a draft that arrived after it would come back as a ghost. */
  async hold() {
    this.held = true;
    await this.queue;
    await this.sending;
  }

  release() {
    this.held = false;
    if (this.unsent.size) this.sendLater(SEND_AFTER_MS);
  }

  failed(problem) {
    if (problem.kind === "conflict") {
      this.stopped = true;
      this.onState({ kind: "elsewhere", problem });
    } else if (problem.kind === "session" || problem.kind === "person") {
      this.onState({ kind: problem.kind, problem });
    } else {
      this.onState({ kind: "local", problem });
    }
  }

  /** Saved, or thrown away: nothing is kept any more. `onServer`: the server has to be told. */
  async clear({ onServer }) {
    clearTimeout(this.timer);
    await this.queue;
    await this.sending;
    this.packed.clear();
    this.unsent.clear();
    this.stopped = false;
    await this.shelf.delete(this.key);
    if (onServer) await this.api.send("DELETE", this.address);
    this.revision = 0;
  }
}
