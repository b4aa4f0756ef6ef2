/** Sends a file in parts; what broke off goes on where it was, also after the page was closed. */

import { ask, get, Problem } from "./api.js";

const PART_BYTES = 4 << 20;
const MOST_TRIES = 6;
const LONGEST_WAIT_MS = 15_000;

export class ResumingUpload {
  /**
   * @param {string} product
   * @param {string} name of the dataset
   * @param {Blob} blob a ZIP file
   * @param {number} mostBytes that a part may have
   */
  constructor(product, name, blob, mostBytes) {
    this.product = product;
    this.name = name;
    this.blob = blob;
    this.partBytes = Math.min(PART_BYTES, mostBytes);
    this.id = null;
    this.stopped = new AbortController();
  }

  /**
   * Send all of it.
   * @param {(share: number) => void} onProgress 0 to 1; at 1 the service unpacks
   * @returns {Promise<{dataset: object, notes: string[]}>}
   * @throws {Problem} what the service refused
   */
  async run(onProgress) {
    const path = `/products/${encodeURIComponent(this.product)}/uploads`;
    const upload = await this.#begun()
      ?? await ask("POST", path, { json: { name: this.name, size: this.blob.size } });
    this.id = upload.id;
    let { received } = upload;
    while (received < this.blob.size) {
      onProgress(received / this.blob.size);
      received = await this.#patiently(received);
    }
    onProgress(1);
    return ask("POST", `/uploads/${this.id}/complete`, { signal: this.stopped.signal });
  }

  /** Give it up, and forget what has arrived. */
  async stop() {
    this.stopped.abort();
    if (this.id !== null) await ask("DELETE", `/uploads/${this.id}`);
  }

  /** Return the upload of this very file that broke off; undefined where there is none. */
  async #begun() {
    const { items } = await get("/uploads");
    return items.find((one) => one.state === "open" && one.product === this.product
      && one.name === this.name && one.size === this.blob.size);
  }

  /** Send the part that begins at `start`, again where the network fails; return where it goes on. */
  async #patiently(start) {
    for (let tries = 1; ; tries += 1) {
      try {
        const upload = await ask("PATCH", `/uploads/${this.id}`, {
          body: this.blob.slice(start, start + this.partBytes),
          headers: { "Upload-Offset": String(start), "Content-Type": "application/octet-stream" },
          signal: this.stopped.signal,
        });
        return upload.received;
      } catch (error) {
        if (!(error instanceof Problem) || !mayPass(error) || tries === MOST_TRIES) throw error;
        await pause(Math.min(500 * 2 ** tries, LONGEST_WAIT_MS));
        const known = await get(`/uploads/${this.id}`).catch(() => null);
        if (known !== null && known.received !== start) return known.received;
      }
    }
  }
}

/** Tell whether another try may succeed: nobody answered, was too busy, or took the part already. */
function mayPass(problem) {
  return problem.status === 0 || problem.status >= 500 || problem.status === 429 || problem.status === 409;
}

function pause(milliseconds) {
  return new Promise((done) => { setTimeout(done, milliseconds); });
}
