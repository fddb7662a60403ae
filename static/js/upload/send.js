// One request with progress, speed and time left; problems come back as application/problem+json.
import { gettext, interpolate } from "../i18n.js";
import { Speed } from "../speed.js";

/** What went wrong, in words for a person. `fields` maps a field's name to its sentences. */
export class UploadProblem extends Error {
  constructor(message, { status = 0, fields = {} } = {}) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

/**
 * Send `body` to `url`.
 * @param {{onProgress: (state: {loaded: number, total: number, speed: number, left: number|null}) => void, signal: AbortSignal}} options
 * @returns {Promise<string>} the address of the page to go to
 */
export function send(url, body, { token, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const speed = new Speed();
    request.open("POST", url);
    request.setRequestHeader("X-CSRFToken", token);
    request.setRequestHeader("Accept", "application/problem+json, application/json");
    request.upload.addEventListener("progress", (event) => {
      const left = speed.left(event.loaded, event.total);
      onProgress({ loaded: event.loaded, total: event.total, speed: speed.rate, left });
    });
    request.addEventListener("load", () => {
      try {
        resolve(destination(request));
      } catch (problem) {
        reject(problem);
      }
    });
    request.addEventListener("error", () => reject(new UploadProblem(lost())));
    request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

function lost() {
  return gettext("The connection was lost before the files had arrived. Nothing was imported. Check the network and send them again.");
}

function destination(request) {
  const answer = parse(request);
  if (request.status >= 200 && request.status < 300) {
    if (answer?.url) return answer.url;
    if (new URL(request.responseURL).pathname.includes("/login/")) throw new UploadProblem(sessionEnded(), { status: 401 });
    return request.responseURL;
  }
  const fields = answer?.errors && !Array.isArray(answer.errors) ? answer.errors : {};
  throw new UploadProblem(answer?.detail || answer?.title || byStatus(request.status), { status: request.status, fields });
}

function parse(request) {
  if (!(request.getResponseHeader("Content-Type") ?? "").includes("json")) return null;
  try {
    return JSON.parse(request.responseText);
  } catch {
    return null;
  }
}

function sessionEnded() {
  return gettext("Your session has ended. Log in again in another tab, then send the files again: they are still selected.");
}

function byStatus(status) {
  if (status === 401 || status === 403) return sessionEnded();
  if (status === 413) return gettext("The upload is too large for the server. Send it in smaller parts.");
  if (status === 502 || status === 503) return gettext("The server is restarting. Wait a moment and send the files again.");
  return interpolate(
    gettext("The server could not accept the files (%(status)s). Send them again; if it happens again, tell your administrator."),
    { status },
  );
}
