/** Guesses the time that is left from the pace so far, older progress counting less. */
export class Speed {
  constructor(now = () => performance.now()) {
    this.now = now;
    this.rate = 0;
    this.at = null;
    this.done = 0;
  }

  /** Seconds until `total`, or null while nothing can be said. */
  left(done, total) {
    const at = this.now();
    if (this.at === null || done < this.done) {
      [this.at, this.done, this.rate] = [at, done, 0];
      return null;
    }
    if (done > this.done && at > this.at) {
      const latest = ((done - this.done) * 1000) / (at - this.at);
      this.rate = this.rate ? 0.8 * this.rate + 0.2 * latest : latest;
      [this.at, this.done] = [at, done];
    }
    return this.rate ? (total - done) / this.rate : null;
  }
}
