// One window at a time corrects a series; others look on, and may take over.

export class OneTab {
  /** @param {(mine: boolean) => void} onChange */
  constructor(name, onChange) {
    this.name = name;
    this.onChange = onChange;
  }

  /** Ask for the right to correct. Where the browser has no locks, the server notices two windows. */
  ask({ steal = false } = {}) {
    if (!navigator.locks) return this.onChange(true);
    const options = steal ? { steal: true } : { ifAvailable: true };
    navigator.locks
      .request(this.name, options, (lock) => {
        this.onChange(Boolean(lock));
        return lock ? new Promise(() => {}) : null;
      })
      .catch(() => this.onChange(false)); // another window took it
  }
}
