/** What somebody is to review: held for him alone, its pictures fetched before they are needed. */

import { ask, get } from "./api.js";
import { decodeMap } from "./heatmap.js";
import { t } from "./page.js";

const AHEAD = 2; // items beyond the one that is shown
const RENEW_MS = 60_000;
const MOST_COUNTED = 1000;

export class ReviewQueue extends EventTarget {
  /** @param {string} product */
  constructor(product) {
    super();
    this.product = product;
    /** What is held and not reviewed, in the order in which it came. */
    this.items = [];
    /** What was said, the newest last: `{item, review}`. */
    this.said = [];
    this.at = 0;
    this.left = null;
  }

  get current() {
    return this.items[this.at] ?? null;
  }

  get hasBefore() {
    return this.at > 0;
  }

  get done() {
    return this.said.length;
  }

  get leftText() {
    if (this.left === null) return "…";
    return this.left >= MOST_COUNTED ? t("review.many", { count: MOST_COUNTED }) : String(this.left);
  }

  /** Get the first items, and hold what is shown for as long as the page is open. */
  async begin() {
    await this.#fill();
    setInterval(() => { if (!document.hidden) void this.#renew(); }, RENEW_MS);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) void this.#renew(); });
  }

  /** Say what the current item was. */
  async say(verdict, defect, mask) {
    const item = this.current;
    const json = { verdict, defect, mask_png: mask };
    const review = await ask("POST", `/inspections/${item.inspection.id}/reviews`, { json });
    this.said.push({ item, review });
    this.items.splice(this.at, 1);
    try {
      await this.#fill();
    } finally { // what was said is kept, though no other item could be had
      if (this.at >= this.items.length) this.at = Math.max(0, this.items.length - 1);
    }
  }

  /** Take back what was said last, and show that item again. */
  async undo() {
    const { item, review } = this.said.at(-1);
    await ask("POST", `/inspections/${item.inspection.id}/reviews/${review.id}/withdraw`);
    this.said.pop();
    this.items.splice(this.at, 0, item);
    await this.#fill();
  }

  /** Go to the next item, or back to one that was passed over. */
  async go(step) {
    const to = Math.max(0, this.at + step);
    if (to >= this.items.length - AHEAD) await this.#fill(to - this.at);
    this.at = Math.min(to, Math.max(0, this.items.length - 1));
  }

  /** Return the map of an item, null where there is none any more; fetched once. */
  mapOf(item) {
    item.map ??= get(`/inspections/${item.inspection.id}/map`).then(decodeMap, () => null);
    return item.map;
  }

  async #fill(step = 0) {
    const ahead = this.items.length - this.at - step;
    await this.#take(Math.max(0, 1 + AHEAD - ahead));
  }

  async #renew() {
    try {
      await this.#take(0);
    } catch { /* the next time may do; what is said later is still taken */ }
  }

  async #take(count) {
    const have = this.items.map((item) => item.inspection.id);
    const path = `/products/${encodeURIComponent(this.product)}/review-queue`;
    const answer = await ask("POST", path, { json: { have, count } });
    const held = new Set(answer.held);
    const before = this.current;
    const lost = this.items.filter((item) => !held.has(item.inspection.id));
    if (lost.length > 0) {
      this.at -= lost.filter((item) => this.items.indexOf(item) < this.at).length;
      this.items = this.items.filter((item) => held.has(item.inspection.id));
    }
    this.items.push(...answer.items.map((inspection) => ({ inspection, picture: pictureOf(inspection), map: null })));
    this.left = answer.left;
    this.dispatchEvent(new Event("left"));
    if (lost.includes(before)) this.dispatchEvent(new Event("lost"));
  }
}

/** Return a promise of an inspection's picture; of null where it is gone, or of no kind to show. */
async function pictureOf(inspection) {
  for (const url of [inspection.image_url, inspection.thumbnail_url]) {
    if (url === null) continue;
    try {
      const response = await fetch(url);
      if (!response.ok) continue;
      return await createImageBitmap(await response.blob(), { imageOrientation: "from-image" });
    } catch { /* TIFF, say; the other may do */ }
  }
  return null;
}
