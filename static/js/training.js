// A training that is going: its curves, table and pictures are the parts `[data-fresh]` of its page, which come again from
// the server as messages of its WebSocket tell of progress (progress.js passes them on as `run:message`).
const EVERY_MS = 2_000;

let [wanted, fetching, fetchedAt] = [false, false, -Infinity];

/** Asks for the page once more, at most every two seconds; what was wanted meanwhile is fetched afterwards. */
async function refresh() {
  wanted = true;
  if (fetching) return;
  fetching = true;
  while (wanted) {
    await new Promise((done) => setTimeout(done, fetchedAt + EVERY_MS - performance.now()));
    [wanted, fetchedAt] = [false, performance.now()];
    await take();
  }
  fetching = false;
}

async function take() {
  try {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-fresh]")) {
      const fresh = page.querySelector(`[data-fresh="${part.dataset.fresh}"]`);
      if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
      if (fresh) part.hidden = fresh.hidden;
    }
  } catch {
    // The network is away; the next message asks again.
  }
}

document.addEventListener("run:message", refresh);
