// A small viewer on Cornerstone3D: one stack view or three planes, the wheel, a labelmap and the brush. Only for the bench.
import * as core from "@cornerstonejs/core";
import * as tools from "@cornerstonejs/tools";
import { fillLabels, loadAll, registerSlices } from "./slices.js";

const { ViewportType, OrientationAxis, Events } = core.Enums;
const { MouseBindings, Events: ToolEvents, SegmentationRepresentations } = tools.Enums;
const WINDOW = { lower: -450, upper: 1050 };
const RENDERINGS = {
  webgl: {},
  cpu: { useCPURendering: true },
  "generic-webgl": { useGenericViewport: true, planar: { renderBackend: "gpu" } },
  "generic-cpu": { useGenericViewport: true, planar: { renderBackend: "cpu" } },
};
const PLANES = [["axial", OrientationAxis.AXIAL], ["sagittal", OrientationAxis.SAGITTAL], ["coronal", OrientationAxis.CORONAL]];
const ENGINE = "peer";
const LABELS = "labels";
const VOLUME = "cornerstoneStreamingImageVolume:ct";

const facts = readFacts(new URLSearchParams(location.search));
const state = document.documentElement.dataset;

/** What the bench says of the series and of the places on the screen ("width,height" of each view). */
function readFacts(asked) {
  const numbers = (name) => asked.get(name).split(",").map(Number);
  const [depth, height, width] = numbers("shape");
  const sizes = asked.getAll("size").map((pair) => pair.split(",").map(Number));
  return {
    series: asked.get("series"), mask: asked.get("mask"), first: Number(asked.get("first")), spacing: numbers("spacing"),
    depth, height, width, sizes, radius: Number(asked.get("radius")), rendering: asked.get("rendering"), planes: asked.get("views") === "planes",
  };
}

async function start() {
  await core.init({ rendering: RENDERINGS[facts.rendering] });
  tools.init();
  const imageIds = registerSlices(facts);
  const engine = new core.RenderingEngine(ENGINE);
  const viewports = facts.planes ? await openPlanes(engine, imageIds) : [await openStack(engine, imageIds)];
  giveTools(viewports);
  if (!facts.planes) await loadAll(imageIds);
  await addLabels(viewports, imageIds);
  state.ready = "yes";
}

function place(name, [width, height]) {
  const element = document.createElement("div");
  element.dataset.view = name;
  Object.assign(element.style, { width: `${width}px`, height: `${height}px` });
  document.body.append(element);
  if (name === "axial") watch(element);
  return element;
}

async function openStack(engine, imageIds) {
  engine.enableElement({ viewportId: "axial", type: ViewportType.STACK, element: place("axial", facts.sizes[0]) });
  const viewport = engine.getViewport("axial");
  await viewport.setStack(imageIds, facts.first);
  viewport.setProperties({ voiRange: WINDOW });
  pictured = true;
  viewport.render();
  return viewport;
}

async function openPlanes(engine, imageIds) {
  engine.setViewports(PLANES.map(([name, orientation], i) => (
    { viewportId: name, type: ViewportType.ORTHOGRAPHIC, element: place(name, facts.sizes[i]), defaultOptions: { orientation } }
  )));
  const volume = await core.volumeLoader.createAndCacheVolume(VOLUME, { imageIds });
  const loaded = new Promise((resolve) => { core.eventTarget.addEventListener(Events.IMAGE_VOLUME_LOADING_COMPLETED, resolve); });
  volume.load();
  const ids = PLANES.map(([name]) => name);
  await core.setVolumesForViewports(engine, [{ volumeId: VOLUME }], ids);
  const viewports = ids.map((name) => engine.getViewport(name));
  for (const viewport of viewports) viewport.setProperties({ voiRange: WINDOW });
  engine.renderViewports(ids);
  await loaded;
  pictured = true;
  engine.renderViewports(ids);
  return viewports;
}

function giveTools(viewports) {
  const group = tools.ToolGroupManager.createToolGroup("tools");
  for (const tool of [tools.StackScrollTool, tools.BrushTool]) {
    tools.addTool(tool);
    group.addTool(tool.toolName);
  }
  for (const { id } of viewports) group.addViewport(id, ENGINE);
  group.setToolActive(tools.StackScrollTool.toolName, { bindings: [{ mouseButton: MouseBindings.Wheel }] });
  group.setToolActive(tools.BrushTool.toolName, { bindings: [{ mouseButton: MouseBindings.Primary }] });
  tools.utilities.segmentation.setBrushSizeForToolGroup("tools", facts.radius);
}

async function addLabels(viewports, imageIds) {
  const labelmaps = core.imageLoader.createAndCacheDerivedLabelmapImages(imageIds);
  await fillLabels(labelmaps, facts);
  const data = { imageIds: labelmaps.map(({ imageId }) => imageId) };
  tools.segmentation.addSegmentations([{ segmentationId: LABELS, representation: { type: SegmentationRepresentations.Labelmap, data } }]);
  const wanted = Object.fromEntries(viewports.map(({ id }) => [id, [{ segmentationId: LABELS }]]));
  const shown = new Promise((resolve) => { core.eventTarget.addEventListener(ToolEvents.SEGMENTATION_RENDERED, resolve, { once: true }); });
  await tools.segmentation.addLabelmapRepresentationToViewportMap(wanted);
  tools.segmentation.segmentIndex.setActiveSegmentIndex(LABELS, 1);
  await shown;
}

// --- what the bench watches: a measure "slice", "stroke" or "mask" in the frame that shows it ------------------------
// On its CPU paths the brush tool draws an outline over the picture while it moves, and the mask only at the end.
const drawsLate = facts.rendering.endsWith("cpu");
let pictured = false;
let changed = false;
core.eventTarget.addEventListener(ToolEvents.SEGMENTATION_DATA_MODIFIED, () => { changed = true; });

function watch(element) {
  element.addEventListener(Events.IMAGE_RENDERED, rendered);
  if (drawsLate) new MutationObserver(outlined).observe(element, { subtree: true, childList: true, attributes: true });
}

const outlined = (changes) => changes.some(({ target }) => target instanceof SVGElement) && shown("stroke");
const shown = (name) => performance.measure(name, { start: performance.now() });

function rendered() {
  const current = String(core.getRenderingEngine(ENGINE).getViewport("axial").getSliceIndex());
  if (pictured && state.shown !== current) {
    state.shown = current;
    shown("slice");
  }
  if (changed) shown(drawsLate ? "mask" : "stroke");
  changed = false;
}

const fails = (problem) => { state.problem ??= String(problem?.message ?? problem); };
addEventListener("error", ({ error, message }) => fails(error ?? message));
addEventListener("unhandledrejection", ({ reason }) => fails(reason));
core.eventTarget.addEventListener(Events.ERROR_EVENT, ({ detail }) => fails(detail));
start().catch(fails);
