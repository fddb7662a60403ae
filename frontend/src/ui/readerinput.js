// What gestures do on a view of the reading room: the tool in use, slices, window, zoom.
import { listenToGestures } from "./input.js";
import { toggleLarge, windowBy } from "./look.js";

/** @param {import("../reader.js").Reader} reader */
export function listenToView(reader, view) {
  const { toolbox } = reader;
  listenToGestures(view.marks, {
    begin: () => reader.activate(reader.comparing.ownerOf(view)),
    modeOf: (event) => modeOf(event, toolbox),
    step: (by) => reader.scroll(view, by),
    zoom: (factor, x, y) => view.zoomBy(factor, x, y),
    pan: (dx, dy) => view.panBy(dx, dy),
    windowBy: (dx, dy) => windowBy(reader, dx, dy),
    doubleClick: () => toolbox.name === "navigate" && toggleLarge(reader, view),
    down: (x, y, event) => toolbox.down(view, view.pictureAt(x, y), event),
    move: (x, y, event) => toolbox.move(view, view.pictureAt(x, y), event),
    up: (x, y, event) => toolbox.up(view, view.pictureAt(x, y), event),
    cancel: () => toolbox.cancel(),
    tap: (x, y) => reader.pointTo(view, view.pictureAt(x, y)),
    hover: (x, y) => {
      reader.panels.showReadout({ view, x, y });
      toolbox.hover(view, view.pictureAt(x, y));
    },
    leave: () => {
      toolbox.leave(view);
      reader.panels.showReadout(null);
    },
  });
}

function modeOf(event, toolbox) {
  if (event.button === 2) return "window";
  if (event.button === 1 || event.shiftKey) return "pan";
  return toolbox.name === "navigate" && event.pointerType === "touch" ? "touch" : "tool";
}
