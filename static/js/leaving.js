// Logging out of a shared computer deletes what this browser keeps: ask where that is work which could not be sent.

const DATABASE = "spine-reading";
const STORE = "drafts";
const MEASURED = "spine-measured:";

document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    if (!form.dataset.clears || form.dataset.asked) return;
    event.preventDefault();
    event.stopPropagation();
    if ((await unsentHere()) && !window.confirm(form.dataset.clears)) return;
    form.dataset.asked = "1";
    setTimeout(() => form.requestSubmit()); // a form that is being sent at this moment is not sent again
  },
  true,
);

async function unsentHere() {
  try {
    return Object.keys(localStorage).some((key) => key.startsWith(MEASURED)) || (await unsentDrafts());
  } catch {
    return true; // it cannot be known
  }
}

/** Opening a database that is not there would make an empty one. */
async function unsentDrafts() {
  const databases = await indexedDB.databases();
  if (!databases.some(({ name }) => name === DATABASE)) return false;
  const database = await done(indexedDB.open(DATABASE));
  try {
    if (!database.objectStoreNames.contains(STORE)) return false;
    const drafts = await done(database.transaction(STORE).objectStore(STORE).getAll());
    return drafts.some((draft) => draft?.unsent?.length);
  } finally {
    database.close();
  }
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
