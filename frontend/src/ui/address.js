// The slice in the address of the page: `#z=12`, counted from 0.

/** @returns {number|null} */
export function sliceAsked() {
  const found = /^#z=(\d+)$/.exec(window.location.hash);
  return found ? Number(found[1]) : null;
}

export function rememberSlice(z) {
  history.replaceState(history.state, "", `#z=${z}`);
}
