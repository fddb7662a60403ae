// Opens the reading room on the page templates/viewer/read.html.
import { Reader } from "./reader.js";
import { listenToControls } from "./ui/commands.js";
import { listenToView } from "./ui/readerinput.js";

const NEEDED = ["CompressionStream", "DecompressionStream", "ResizeObserver", "DOMMatrix", "structuredClone"];

function start(root) {
  const canvas = document.createElement("canvas");
  if (NEEDED.some((name) => !(name in window)) || !canvas.getContext("2d")) return;
  const reading = JSON.parse(document.getElementById(root.dataset.reading).textContent);
  const reader = new Reader(root, reading);
  reader.start();
  for (const view of [...reader.views, reader.comparing.twin]) listenToView(reader, view);
  listenToControls(reader);
  // For the rest of the page, such as the panel of the review.
  root.reader = reader;
}

// Without what is needed the page keeps its words that lead to the simple viewer.
for (const root of document.querySelectorAll("[data-reading]")) start(root);
