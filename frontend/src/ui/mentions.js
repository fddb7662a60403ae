// Names offered while somebody types @ in a field: a list box below it, for hands and for the keyboard.
import { gettext, interpolate, ngettext } from "../../../static/js/i18n.js";
import { mentionAt } from "../core/mention.js";

const ASK_AFTER_MS = 150;

export class Mentions {
  /**
   * @param {HTMLTextAreaElement} field @param {HTMLElement} list its `role=listbox` @param {HTMLElement} said a `role=status`
   * @param {(words: string) => Promise<{username: string, name: string}[]>} find
   */
  constructor({ field, list, said, find }) {
    Object.assign(this, { field, list, said, find });
    this.people = [];
    this.chosen = 0;
    for (const name of ["input", "click"]) field.addEventListener(name, () => this.look());
    field.addEventListener("keydown", (event) => this.key(event));
    field.addEventListener("blur", () => this.close());
    list.addEventListener("pointerdown", (event) => this.pick(event));
  }

  get isOpen() {
    return !this.list.hidden;
  }

  /** Ask for names when a mention is being typed at the caret. */
  look() {
    clearTimeout(this.timer);
    const { value, selectionStart, selectionEnd } = this.field;
    this.mention = selectionStart === selectionEnd ? mentionAt(value, selectionEnd) : null;
    if (!this.mention) return this.close();
    const asked = this.mention;
    this.timer = setTimeout(async () => {
      const people = await this.find(asked.words).catch(() => []);
      if (this.mention === asked) this.show(people);
    }, ASK_AFTER_MS);
  }

  show(people) {
    this.people = people;
    if (!people.length) return this.close({ keep: true });
    this.list.replaceChildren(...people.map((person, i) => this.option(person, i)));
    this.list.hidden = false;
    this.list.scrollIntoView({ block: "nearest" });
    this.said.textContent = interpolate(
      ngettext("%(n)s person; arrow keys select, Enter inserts.", "%(n)s people; arrow keys select, Enter inserts.", people.length),
      { n: people.length },
    );
    this.choose(0);
  }

  option({ username, name }, i) {
    const item = document.createElement("li");
    Object.assign(item, { id: `${this.list.id}-${i}`, textContent: name === username ? `@${username}` : `${name} @${username}` });
    item.setAttribute("role", "option");
    item.dataset.index = i;
    return item;
  }

  choose(index) {
    this.chosen = (index + this.people.length) % this.people.length;
    [...this.list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === this.chosen)));
    this.field.setAttribute("aria-activedescendant", this.list.children[this.chosen].id);
  }

  /** Without `keep` the mention itself is over, and names that still arrive are not shown. */
  close({ keep = false } = {}) {
    if (!keep) {
      this.mention = null;
      clearTimeout(this.timer);
    }
    if (this.isOpen) this.said.textContent = gettext("No names shown.");
    this.list.hidden = true;
    this.field.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (!this.isOpen || event.isComposing) return;
    const act = {
      ArrowDown: () => this.choose(this.chosen + 1),
      ArrowUp: () => this.choose(this.chosen - 1),
      Enter: () => this.take(this.chosen),
      Tab: () => this.take(this.chosen),
      Escape: () => this.close(),
    }[event.key];
    if (!act || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Escape closes the list, not the field
    act();
  }

  /** Before the field loses its focus to the list. */
  pick(event) {
    event.preventDefault();
    const item = event.target.closest("[role=option]");
    if (item) this.take(Number(item.dataset.index));
  }

  take(index) {
    const { start } = this.mention;
    this.field.setRangeText(`@${this.people[index].username} `, start, this.field.selectionEnd, "end");
    this.close();
  }
}
