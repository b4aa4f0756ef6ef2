/** Estimates how long work will take that goes on as it went so far. */

const LEAST_S = 2; // what is seen in less time says little

export class TimeLeft {
  constructor() {
    this.work = null;
    this.first = 0;
    this.since = 0;
  }

  /**
   * Return how many seconds are left, null while too little is known.
   * @param {string} work what is being done; another begins anew
   * @param {number} done so much of it
   * @param {number} all
   * @param {number} now in seconds
   */
  of(work, done, all, now = performance.now() / 1000) {
    if (work !== this.work || done < this.first) {
      this.work = work;
      this.first = done;
      this.since = now;
    }
    const seconds = now - this.since;
    if (done === this.first || seconds < LEAST_S) return null;
    return (all - done) * seconds / (done - this.first);
  }
}
