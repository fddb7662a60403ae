// What is suspected of the mask in hand: a notice with the way to mend it, and the word that the mask is right.
import { gettext } from "../../../static/js/i18n.js";

const NAME = "suspected";

export class Suspicions {
  /** @param {import("../reader.js").Reader} reader whose reading has `suspicions` by mask (cases/checks/selectors.py) */
  constructor(reader) {
    this.reader = reader;
    this.known = { ...reader.reading.suspicions };
  }

  start() {
    // From static/js/live.js, once a check has ended or somebody has confirmed a mask.
    document.addEventListener("spine:suspected", ({ detail }) => {
      if (detail.series === this.reader.reading.series.id) this.learn(detail.suspicions);
    });
    this.show();
  }

  learn(suspicions) {
    Object.assign(this.known, suspicions);
    this.show();
  }

  /** Of the mask that is corrected now; called again when that is another one. */
  show() {
    const { id } = this.reader.editor.layer;
    const held = (this.known[id] ?? []).filter((one) => one.held);
    if (!held.length) return this.reader.notices.drop(NAME);
    const slice = held.flatMap((one) => one.slices)[0];
    const actions = [];
    if (slice !== undefined) actions.push({ words: gettext("Show slice"), act: () => this.reader.scrollTo(slice) });
    if (this.reader.reading.may_correct) actions.push({ words: gettext("The mask is right"), act: () => this.confirm(id) });
    const text = [...held.map((one) => one.text), gettext("The mask cannot be approved until it is corrected or confirmed.")].join(" ");
    return this.reader.notices.show(NAME, { text, actions });
  }

  /** What the server holds back was found after the page was opened. */
  async look(id) {
    const { api, addresses } = this.reader;
    const { suspicions } = await api.send("GET", `${addresses.masks}${id}/check/`);
    this.take(id, suspicions);
  }

  async confirm(id) {
    const { api, addresses, notices } = this.reader;
    try {
      const { suspicions } = await api.send("POST", `${addresses.masks}${id}/confirmation/`);
      this.take(id, suspicions);
      notices.drop("sign");
      this.reader.say(gettext("Recorded under your name: the mask is right."));
    } catch (problem) {
      if (problem.kind === undefined) throw problem;
      if (problem.kind === "session") this.reader.saving.sessionEnded();
      else this.reader.say(problem.body.detail ?? gettext("That could not be saved. Try again once the connection is back."));
    }
  }

  take(id, suspicions) {
    const facts = suspicions.map(({ message, slices, confirmed_at: at }) => ({ text: message, slices, held: at === null }));
    this.learn({ [id]: facts });
  }
}
