// Requests that write. Each says as whom the page was opened, so that nothing is ever written in another person's name.

/** What went wrong: `kind` is "network", "session", "person", "conflict", "refused" or "server"; `body` is the problem. */
export class RequestProblem extends Error {
  constructor(kind, body = {}) {
    super(body.detail ?? kind);
    this.kind = kind;
    this.body = body;
  }
}

export class Api {
  constructor(readerId) {
    this.readerId = readerId;
    this.bytesSent = 0;
  }

  /** @returns {Promise<any>} the JSON answer, null when there is none @throws {RequestProblem} */
  async send(method, address, body, { keepalive = false } = {}) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken"), "X-Reader": String(this.readerId) };
    let response;
    try {
      response = await fetch(address, { method, body: text, headers, credentials: "same-origin", keepalive });
    } catch {
      throw new RequestProblem("network");
    }
    this.bytesSent = text?.length ?? 0;
    const answer = response.status === 204 ? null : await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw new RequestProblem(kindOf(response.status, answer?.code), answer ?? {});
  }
}

function kindOf(status, code) {
  if (code === "another-person") return "person";
  // A new log-in elsewhere makes this page's CSRF token old for a moment; logging in again mends both.
  if (status === 401 || (status === 403 && code !== "forbidden")) return "session";
  if (status === 409) return "conflict";
  return status >= 500 ? "server" : "refused";
}

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}
