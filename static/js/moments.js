// Moments are written by the server in its own time zone; people read their own.
const language = document.documentElement.lang || "en";

export function tellMoments(part) {
  for (const element of part.querySelectorAll("time[data-local]")) {
    const moment = new Date(element.dateTime);
    element.title = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "medium" }).format(moment);
  }
}
