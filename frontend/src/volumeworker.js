// The worker of the reading room: work on a whole volume beside the page, which stays quick meanwhile.
import { workOn } from "./core/volumework.js";

const TELL_EVERY_MS = 60;

self.addEventListener("message", ({ data: { name, piece, options } }) => {
  let told = performance.now();
  const tell = (part) => {
    if (performance.now() - told < TELL_EVERY_MS) return;
    told = performance.now();
    self.postMessage({ part });
  };
  const done = workOn(name, piece, options, tell);
  self.postMessage(
    { done },
    done.slices.map(({ runs }) => runs.buffer),
  );
});
