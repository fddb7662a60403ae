// What is drawn over one view: letters, scale, crosshair, measurements, and what the tool in the hand is doing.
import * as marks from "./marks.js";

/** @param {import("../reader.js").Reader} reader */
export function drawOverlay(reader, view, context) {
  const { toolbox } = reader;
  marks.drawLetters(context, view);
  marks.drawScale(context, view);
  if (reader.look.names) marks.drawNames(context, view, view.names());
  if (reader.look.crosshair) marks.drawCrosshair(context, view, reader.voxel);
  for (const one of reader.measuring.on(view)) marks.drawMeasurement(context, view, one);
  const isHere = toolbox.hovered && [view, view.partner].includes(toolbox.hovered.view);
  const hover = isHere ? toolbox.hovered.at : null;
  const upToHand = (points) => (hover ? [...points, hover] : points);
  if (toolbox.points.length && toolbox.measureView === view && toolbox.measureSlice === view.k) {
    const points = upToHand(toolbox.points);
    if (toolbox.name === "split") marks.drawSplit(context, view, points);
    else marks.drawMeasurement(context, view, { kind: toolbox.name, points });
  }
  if (toolbox.corners.length && toolbox.polygonView === view && toolbox.polygonSlice === view.k) {
    marks.drawPolygon(context, view, upToHand(toolbox.corners));
  }
  if (hover && toolbox.isBrush) marks.drawBrush(context, view, hover, reader.look.radius, toolbox.erases);
}
