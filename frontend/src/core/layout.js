// Which views a series is opened with: what a person chose for another one may not show this one.

// Below this share of its width a sagittal or coronal picture is a bar.
const FLATTEST = 0.25;

/**
 * @param {{depth: number, height: number, width: number, sx: number, sy: number, sz: number}} grid
 * @param {"three"|"axial"|"sagittal"|"coronal"} wished what the person looked at last
 * @returns the same; the axial view alone for a single slice, all three where the wished one would be a bar
 */
export function layoutFor(grid, wished) {
  if (grid.depth === 1) return "axial";
  const across = { sagittal: grid.height * grid.sy, coronal: grid.width * grid.sx }[wished];
  return across && grid.depth * grid.sz < FLATTEST * across ? "three" : wished;
}
