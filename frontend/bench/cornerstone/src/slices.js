// Our slices as Cornerstone3D's images: a loader, the metadata it asks for, and the mask's labels.
import { cache, imageLoader, metaData, utilities } from "@cornerstonejs/core";

const GIGABYTE = 1024 ** 3;
const MOST_AT_ONCE = 3;

/** @returns {string[]} one address for each slice of `facts`, from the feet on */
export function registerSlices(facts) {
  cache.setMaxCacheSize(2 * GIGABYTE);
  imageLoader.registerImageLoader("spine", (imageId) => ({ promise: load(imageId, facts) }));
  metaData.addProvider((kind, imageId) => (String(imageId).startsWith("spine:") ? metadata(kind, imageId, facts) : undefined), 10);
  return Array.from({ length: facts.depth }, (_, z) => `spine:${z}`);
}

const sliceOf = (imageId) => Number(String(imageId).slice("spine:".length));

/** One slice as the server keeps it, deflated: the browser itself inflates it, outside the page's thread. */
async function slice(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response.arrayBuffer();
}

async function load(imageId, facts) {
  const z = sliceOf(imageId);
  const first = z === facts.first ? await takeEarly() : null;
  const hu = new Int16Array(first ?? (await slice(`/api/v1/series/${facts.series}/slices/${z}/`)));
  return image(imageId, hu, facts);
}

async function takeEarly() {
  const response = await window.early;
  return response?.ok && !response.bodyUsed ? response.arrayBuffer() : null;
}

function image(imageId, hu, { width, height, spacing }) {
  const voxelManager = utilities.VoxelManager.createImageVoxelManager({ width, height, scalarData: hu, numberOfComponents: 1 });
  return {
    imageId, voxelManager, rows: height, columns: width, height, width, dataType: "Int16Array",
    getPixelData: () => voxelManager.getScalarData(),
    minPixelValue: -1024, maxPixelValue: 3071, slope: 1, intercept: 0, windowCenter: 300, windowWidth: 1500,
    color: false, rgba: false, numberOfComponents: 1, invert: false, photometricInterpretation: "MONOCHROME2",
    columnPixelSpacing: spacing[2], rowPixelSpacing: spacing[1], sliceThickness: spacing[0], sizeInBytes: hu.byteLength,
  };
}

function metadata(kind, imageId, { width, height, spacing }) {
  const [dz, dy, dx] = spacing;
  const cosines = { rowCosines: [1, 0, 0], columnCosines: [0, 1, 0], imageOrientationPatient: [1, 0, 0, 0, 1, 0] };
  const steps = { pixelSpacing: [dy, dx], rowPixelSpacing: dy, columnPixelSpacing: dx, sliceThickness: dz };
  const modules = {
    imagePlaneModule: {
      ...cosines, ...steps, rows: height, columns: width, frameOfReferenceUID: "spine",
      imagePositionPatient: [0, 0, sliceOf(imageId) * dz],
    },
    imagePixelModule: {
      pixelRepresentation: 1, bitsAllocated: 16, bitsStored: 16, highBit: 15, samplesPerPixel: 1, rows: height, columns: width,
      photometricInterpretation: "MONOCHROME2",
    },
    generalSeriesModule: { modality: "CT", seriesInstanceUID: "1.2.3" },
    voiLutModule: { windowCenter: [300], windowWidth: [1500] },
    modalityLutModule: { rescaleIntercept: 0, rescaleSlope: 1 },
  };
  return modules[kind];
}

/** Load every slice into the cache, a few at a time. */
export async function loadAll(imageIds) {
  await inTurns(imageIds, (imageId) => imageLoader.loadAndCacheImage(imageId));
}

/** The model's labels, into labelmap images made for the slices. */
export async function fillLabels(labelmaps, facts) {
  await inTurns(labelmaps, async (labelmap, z) => {
    const labels = new Uint8Array(await slice(`/api/v1/masks/${facts.mask}/slices/${z}/`));
    labelmap.voxelManager.getScalarData().set(labels);
  });
}

async function inTurns(items, act) {
  const waiting = [...items.entries()];
  const one = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await act(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, one));
}
