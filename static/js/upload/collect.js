// Which files a person means: chosen, or dropped (also whole folders), with the path each had.

const SYSTEM_FILES = new Set([".ds_store", "thumbs.db", "desktop.ini"]);

/** @typedef {{file: File, path: string}} Chosen */

/** The files of an `<input type="file">`; a folder's paths are relative to it. @returns {Chosen[]} */
export function fromInput(input) {
  return Array.from(input.files, (file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** The files of a drop, folders opened. @returns {Promise<Chosen[]>} */
export async function fromDrop(transfer) {
  // Entries must be asked for before the first await: the list is emptied afterwards.
  const items = Array.from(transfer.items ?? [], (item) => ({
    entry: item.kind === "file" ? item.webkitGetAsEntry?.() : null,
    file: item.kind === "file" ? item.getAsFile() : null,
  }));
  const found = [];
  for (const { entry, file } of items) {
    if (entry) await walk(entry, found);
    else if (file) found.push({ file, path: file.name });
  }
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // Browsers give at most 100 entries at a time.
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) return;
    for (const child of batch) await walk(child, found);
  }
}

/** Files that the operating system puts into folders and nobody means to send. */
export function isSystemFile(path) {
  const name = path.split("/").pop().toLowerCase();
  return SYSTEM_FILES.has(name) || name.startsWith("._") || path.startsWith("__MACOSX/");
}
