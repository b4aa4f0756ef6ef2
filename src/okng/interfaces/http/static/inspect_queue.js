/** Images that wait for their verdict, are on their way, or have it. */

import { askPatiently } from "./api.js";
import { tell } from "./notices.js";
import { isForeign } from "./pictures.js";
import { t } from "./page.js";

/** More than the service works on at a time: one more is on its way meanwhile. */
const AT_A_TIME = 2;
const MOST = 500;
const LONGEST_NAME = 200;

/**
 * One image. `state`: waiting, running, done (has an inspection, maybe with the verdict ERROR) or
 * failed (has a problem). `key` makes a repeat of the request harmless.
 * @typedef {{number: number, name: string, blob: Blob, key: string, state: string,
 *   inspection: object|null, problem: Error|null, roundTrip: number}} Item
 */

export class InspectionQueue {
  /** @param {string} product */
  constructor(product) {
    this.product = product;
    this.items = [];
    this.running = false;
    this.made = 0;
    this.ending = new AbortController();
  }

  /** What waits, in order. */
  get waiting() {
    return this.items.filter((item) => item.state === "waiting");
  }

  /**
   * Add images; return their items. A single image after a single one replaces it.
   * @param {{name: string, blob: Blob}[]} images
   */
  add(images) {
    const room = MOST - this.items.length;
    if (images.length > room) tell(t("inspect.too_many", { count: MOST }), "REVIEW");
    const added = images.slice(0, room).map(({ name, blob }) => ({
      number: (this.made += 1), name: plain(name), blob, key: crypto.randomUUID?.() ?? randomKey(),
      state: "waiting", inspection: null, problem: null, roundTrip: 0,
    }));
    this.items.push(...added);
    return added;
  }

  /** Inspect all that wait; `changed` is told of each item as it goes on. */
  async run(changed) {
    if (this.running) return;
    this.running = true;
    this.ending = new AbortController();
    const worker = async () => {
      for (let item = this.waiting[0]; item && !this.ending.signal.aborted; item = this.waiting[0]) {
        item.state = "running";
        changed(item);
        await this.#inspect(item);
        changed(item);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
    this.running = false;
  }

  /** Inspect no more; what is on its way is let go, and waits again. */
  stop() {
    this.ending.abort();
  }

  /** Forget all. */
  clear() {
    this.stop();
    this.items = [];
  }

  async #inspect(item) {
    const began = performance.now();
    const path = `/products/${encodeURIComponent(this.product)}/inspections`;
    const query = new URLSearchParams({ include: "map", name: item.name });
    if (isForeign(item)) query.append("include", "picture");
    const type = item.blob.type.startsWith("image/") ? item.blob.type : "application/octet-stream";
    try {
      item.inspection = await askPatiently("POST", `${path}?${query}`, {
        body: item.blob,
        headers: { "Content-Type": type, "Idempotency-Key": item.key },
        signal: this.ending.signal,
      });
      item.state = "done";
    } catch (error) {
      if (error.name === "AbortError") {
        item.state = "waiting";
        return;
      }
      item.problem = error;
      item.state = "failed";
    }
    item.roundTrip = performance.now() - began;
  }
}

/** Return a name as the service takes it: without control characters, its end where it is long. */
function plain(name) {
  // eslint-disable-next-line no-control-regex
  return name.replace(/[\u0000-\u001f\u007f]/g, " ").slice(-LONGEST_NAME) || "image";
}

/** Where the page is not in a secure context there is no randomUUID. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join("-");
}
