// Uploading files with a list, a progress bar and errors in place: enhances every `<form data-upload>`.
// Without JavaScript the plain form works. See components/upload_files.html for the parts it looks for.
import { bytes, number, timeLeft } from "./format.js";
import { gettext, interpolate, ngettext } from "./i18n.js";
import { fromDrop, fromInput, isSystemFile } from "./upload/collect.js";
import { send } from "./upload/send.js";

const SHOWN_AT_FIRST = 200;

class UploadForm {
  constructor(form) {
    this.form = form;
    this.chosen = [];
    this.leftOut = 0;
    this.showAll = false;
    this.maxBytes = Number(form.dataset.maxBytes) || Infinity;
    this.maxFiles = Number(form.dataset.maxFiles) || Infinity;
    this.part = (name) => form.querySelector(`[data-upload-${name}]`);
  }

  start() {
    const { form } = this;
    form.noValidate = true;
    this.plainInput = form.querySelector('input[type="file"][name="files"]');
    for (const input of form.querySelectorAll('input[type="file"]')) {
      const take = () => {
        this.add(fromInput(input));
        input.value = "";
      };
      input.addEventListener("change", take);
      if (input.files.length) take(); // chosen while this file was still on its way, or kept by the browser
    }
    for (const button of form.querySelectorAll("[data-upload-choose]")) {
      button.addEventListener("click", () => form.querySelector(`#${button.dataset.uploadChoose}`).click());
    }
    this.part("clear")?.addEventListener("click", () => this.clear());
    this.part("cancel")?.addEventListener("click", () => this.controller?.abort());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.acceptDrops();
    window.addEventListener("beforeunload", (event) => this.controller && event.preventDefault());
    this.render();
  }

  acceptDrops() {
    const zone = this.part("zone");
    let depth = 0;
    const over = (value) => zone.classList.toggle("is-over", value);
    // A file that misses the zone must not replace the page.
    window.addEventListener("dragover", (event) => event.preventDefault());
    window.addEventListener("drop", (event) => event.preventDefault());
    const into = (by) => {
      depth += by;
      over(depth > 0);
    };
    zone.addEventListener("dragenter", () => into(1));
    zone.addEventListener("dragleave", () => into(-1));
    zone.addEventListener("drop", async (event) => {
      event.preventDefault();
      depth = 0;
      over(false);
      try {
        this.add(await fromDrop(event.dataTransfer));
      } catch {
        this.fail(gettext("A dropped folder could not be read. Choose it with the button instead."));
      }
    });
  }

  add(found) {
    const meant = found.filter(({ path }) => !isSystemFile(path));
    this.leftOut += found.length - meant.length;
    const known = new Set(this.chosen.map(({ path, file }) => `${path}\n${file.size}`));
    this.chosen.push(...meant.filter(({ path, file }) => !known.has(`${path}\n${file.size}`)));
    this.fail("");
    this.render();
  }

  clear() {
    this.chosen = [];
    this.leftOut = 0;
    this.showAll = false;
    this.fail("");
    this.render();
    this.form.querySelector("[data-upload-choose]")?.focus();
  }

  /** Why a file will not be sent, or nothing. */
  problem({ file }) {
    if (file.size === 0) return gettext("empty, not uploaded");
    if (file.size > this.maxBytes) return interpolate(gettext("larger than %(limit)s"), { limit: bytes(this.maxBytes) });
    return "";
  }

  render() {
    const list = this.part("list");
    const shown = this.showAll ? this.chosen : this.chosen.slice(0, SHOWN_AT_FIRST);
    list.replaceChildren(...shown.map((item) => this.row(item)));
    if (shown.length < this.chosen.length) list.append(this.moreRow(this.chosen.length - shown.length));
    this.part("chosen").hidden = this.chosen.length === 0;
    this.part("summary").textContent = this.summary();
  }

  summary() {
    const good = this.chosen.filter((item) => !this.problem(item));
    const size = good.reduce((sum, { file }) => sum + file.size, 0);
    const words = [interpolate(ngettext("%(n)s file", "%(n)s files", good.length), { n: number(good.length) }), bytes(size)];
    if (this.leftOut) {
      words.push(interpolate(ngettext("%(n)s system file ignored", "%(n)s system files ignored", this.leftOut), { n: this.leftOut }));
    }
    return words.join(" · ");
  }

  row(item) {
    const row = document.createElement("li");
    const problem = this.problem(item);
    row.classList.toggle("has-problem", Boolean(problem));
    const name = Object.assign(document.createElement("span"), { className: "name", textContent: item.path });
    const size = Object.assign(document.createElement("span"), {
      className: "size numeric",
      textContent: problem || bytes(item.file.size),
    });
    const remove = Object.assign(document.createElement("button"), { type: "button", className: "icon-button", textContent: "×" });
    remove.setAttribute("aria-label", interpolate(gettext("Remove %(name)s"), { name: item.path }));
    remove.addEventListener("click", () => this.remove(item, row));
    row.append(name, size, remove);
    return row;
  }

  remove(item, row) {
    const next = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("button");
    this.chosen.splice(this.chosen.indexOf(item), 1);
    row.remove();
    this.part("chosen").hidden = this.chosen.length === 0;
    this.part("summary").textContent = this.summary();
    (next ?? this.form.querySelector("[data-upload-choose]"))?.focus();
  }

  moreRow(count) {
    const row = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm btn-quiet" });
    button.textContent = interpolate(ngettext("Show %(n)s more file", "Show %(n)s more files", count), { n: number(count) });
    button.addEventListener("click", () => {
      this.showAll = true;
      this.render();
    });
    row.append(button);
    return row;
  }

  /** The first reason not to send, or nothing. */
  objection(good) {
    if (!this.chosen.length) return gettext("Choose at least one file.");
    if (!good.length) return gettext("All selected files are empty or too large.");
    if (good.length > this.maxFiles) {
      return interpolate(gettext("At most %(n)s files fit one upload. Put them into a zip and send that instead."), {
        n: number(this.maxFiles),
      });
    }
    if (good.reduce((sum, { file }) => sum + file.size, 0) > this.maxBytes) {
      return interpolate(gettext("At most %(limit)s fit one upload. Send it in parts."), { limit: bytes(this.maxBytes) });
    }
    return "";
  }

  async submit() {
    if (this.controller) return;
    const good = this.chosen.filter((item) => !this.problem(item));
    const objection = this.objection(good);
    this.fail(objection);
    if (objection) return;
    this.controller = new AbortController();
    this.busy(true);
    try {
      const url = await send(this.form.action || window.location.href, this.body(good), {
        token: this.token(),
        signal: this.controller.signal,
        onProgress: (state) => this.showProgress(state),
      });
      this.controller = null;
      window.location.assign(url);
    } catch (problem) {
      this.controller = null;
      this.busy(false);
      const cancelled = problem.name === "AbortError";
      this.fail(cancelled ? gettext("Cancelled. Nothing was imported; the files are still selected.") : problem.message, problem.fields);
    }
  }

  /** The cookie's token is newer than the form's after a log-in in another tab. */
  token() {
    const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
    return cookie ? cookie.split("=")[1] : this.form.elements.namedItem("csrfmiddlewaretoken").value;
  }

  /** The small fields first, then a path for each file, then the files in the same order. */
  body(good) {
    const body = new FormData(this.form);
    body.delete("files");
    body.delete("folder");
    for (const { path } of good) body.append("paths", path);
    for (const { file } of good) body.append("files", file, file.name);
    return body;
  }

  showProgress({ loaded, total, speed, left }) {
    const bar = this.part("bar");
    bar.max = total;
    bar.value = loaded;
    const arrived = loaded >= total;
    const words = [`${bytes(loaded)} / ${bytes(total)}`];
    if (speed && !arrived) words.push(`${bytes(speed)}/s`, timeLeft(left));
    this.part("numbers").textContent = words.filter(Boolean).join(" · ");
    this.part("state").textContent = arrived ? gettext("Upload complete. Starting the import…") : gettext("Uploading…");
  }

  busy(value) {
    this.part("progress").hidden = !value;
    this.part("submit").hidden = value;
    for (const element of this.form.querySelectorAll("[data-upload-editable]")) element.inert = value;
    if (value) {
      this.showProgress({ loaded: 0, total: 1, speed: 0, left: null });
      this.part("numbers").textContent = "";
      this.part("cancel").focus();
    }
  }

  /** Show what is wrong where it is; the selection stays. */
  fail(message, fields = {}) {
    const box = this.part("error");
    box.hidden = !message;
    box.querySelector("[data-words]").textContent = message;
    if (message) box.focus();
    for (const element of this.form.querySelectorAll("[data-upload-field-error]")) element.remove();
    for (const input of this.form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    for (const [name, sentences] of Object.entries(fields)) this.failField(name, [sentences].flat().join(" "));
  }

  failField(name, text) {
    const input = this.form.elements.namedItem(name);
    if (!input?.closest) return;
    const id = `${input.id}_error`;
    const error = Object.assign(document.createElement("div"), { className: "errorlist", id, textContent: text });
    error.setAttribute("data-upload-field-error", "");
    input.closest("details")?.setAttribute("open", "");
    input.setAttribute("aria-invalid", "true");
    input.setAttribute(
      "aria-describedby",
      [...new Set([...(input.getAttribute("aria-describedby") ?? "").split(" "), id])].join(" ").trim(),
    );
    input.closest(".field")?.append(error);
  }
}

for (const form of document.querySelectorAll("form[data-upload]")) new UploadForm(form).start();
