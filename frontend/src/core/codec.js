// Slices on the wire and in drafts: zlib streams (the browser's own), as base64 where JSON carries them.

/** @param {Uint8Array} bytes @returns {Promise<Uint8Array>} a zlib stream */
export function deflate(bytes) {
  return through(bytes, new CompressionStream("deflate"));
}

/** @param {Uint8Array} stream @returns {Promise<Uint8Array>} */
export function inflate(stream) {
  return through(stream, new DecompressionStream("deflate"));
}

async function through(bytes, transform) {
  const stream = new Blob([bytes]).stream().pipeThrough(transform);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const PART = 0x8000;

export function toBase64(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += PART) {
    text += String.fromCharCode(...bytes.subarray(start, start + PART));
  }
  return btoa(text);
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Split an answer of several slices: four bytes of length (little-endian), then a zlib stream, for each. */
export function splitSlices(buffer) {
  const view = new DataView(buffer);
  const parts = [];
  for (let at = 0; at < buffer.byteLength; ) {
    const length = view.getUint32(at, true);
    if (at + 4 + length > buffer.byteLength) throw new RangeError("the answer ends inside a slice");
    parts.push(new Uint8Array(buffer, at + 4, length));
    at += 4 + length;
  }
  return parts;
}
