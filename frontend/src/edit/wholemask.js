// Work on the whole mask: what it needs is loaded, a worker does it beside the page, and the result is one step to undo.
import { boxOf, pieceOf, widened } from "../core/pieces.js";

/** The mask is not what it was when the work began; nothing of its result was written. */
export class MaskChanged extends Error {}

/** The worker's script could not be fetched. */
export class WorkerMissing extends Error {}

export class WholeMask {
  /** @param {{editor: Editor, loader: Loader, grid: Grid, address: string}} parts `address`: of the worker's script */
  constructor({ editor, loader, grid, address }) {
    Object.assign(this, { editor, loader, grid, address });
    this.job = null;
  }

  get isBusy() {
    return this.job !== null;
  }

  /** Stop what is being done, of which nothing was written yet. @returns {boolean} whether there was anything */
  cancel() {
    this.job?.abort();
    return this.isBusy;
  }

  /**
   * Do the work `name` (core/volumework.js) on the mask in hand.
   * @param {object} task
   * @param {{plane: Plane, k: number, drawn: boolean}} task.at where the person works (Editor.begin)
   * @param {object} task.options of the work; its `value` is the label whose box is worked on, unless there is a `box`
   * @param {number[]} [task.box] the rows and slices to work on (core/pieces.js)
   * @param {{y: number, z: number}} [task.around] how many more of them around the box
   * @param {(stage: "loading"|"working", part: number) => void} tell how much is done, from 0 to 1
   * @returns {Promise<{slices: object[], voxels: number, parts?: number}|null>} what changed; null: the label is nowhere
   * @throws {SliceProblem} a slice cannot be loaded
   * @throws {MaskChanged}
   * @throws {WorkerMissing}
   * @throws {DOMException} AbortError: it was cancelled
   */
  async run(name, task, tell) {
    this.cancel();
    const job = new AbortController();
    this.job = job;
    try {
      return await this.steps(name, task, { tell, signal: job.signal });
    } finally {
      if (this.job === job) this.job = null;
    }
  }

  async steps(name, { at, options, box, around = { y: 0, z: 0 } }, { tell, signal }) {
    const { editor, grid } = this;
    editor.finish();
    const { layer, revision } = editor;
    const started = performance.now();
    const sliceAt = (z) => layer.slice(z);
    const zs = box ? slicesOf(box) : markedSlices(layer, options.value);
    await this.load(layer, zs, { tell, signal });
    const found = box ?? boxOf(sliceAt, zs, options.value, grid.width);
    if (!found) return null;
    const wide = widened(found, around, grid);
    await this.load(layer, slicesOf(wide), { tell, signal });
    tell("working", 0);
    const done = await this.inWorker({ name, piece: pieceOf(sliceAt, wide, grid), options }, { tell, signal });
    if (editor.layer !== layer || editor.revision !== revision) throw new MaskChanged();
    editor.apply(at, done.slices);
    performance.measure("whole mask", { start: started, end: performance.now(), detail: name });
    return done;
  }

  load(layer, zs, { tell, signal }) {
    if (!layer.source) return undefined;
    return this.loader.all(layer.source, zs, { signal, tell: (part) => tell("loading", part) });
  }

  /** A worker that was stopped in the middle of its work is not used again. */
  inWorker(message, { tell, signal }) {
    this.worker ??= new Worker(this.address, { type: "module" });
    const { worker } = this;
    return new Promise((resolve, reject) => {
      const stop = (reason) => {
        worker.terminate();
        this.worker = null;
        reject(reason);
      };
      signal.throwIfAborted();
      signal.addEventListener("abort", () => stop(signal.reason));
      worker.onerror = (event) => stop(event.message ? new Error(event.message) : new WorkerMissing());
      worker.onmessage = ({ data: { part, done } }) => {
        if (done) resolve(done);
        else tell("working", part);
      };
      worker.postMessage(message, [message.piece.labels.buffer]);
    });
  }
}

/** Slices with label `value`; they need not be there. */
function markedSlices(layer, value) {
  return layer.areasOf(value).flatMap((area, z) => (area ? [z] : []));
}

function slicesOf([, , z0, z1]) {
  return Array.from({ length: z1 - z0 + 1 }, (_, i) => z0 + i);
}
