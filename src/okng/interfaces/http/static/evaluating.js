/** Evaluations of models: started, followed, and what they came to. */

import { API, ask, get } from "./api.js";

const POLL_MS = 600;

/** Return where a model's evaluations are, below /api/v1; its name is `product-version`. */
export function evaluationsOf(model) {
  const cut = model.lastIndexOf("-");
  return `/products/${encodeURIComponent(model.slice(0, cut))}/models/${model.slice(cut + 1)}/evaluations`;
}

/** Return an address of one evaluation for links and pictures. */
export function evaluationUrl(model, dataset, rest = "") {
  return `${API}${evaluationsOf(model)}/${dataset}${rest}`;
}

/** Return what is known of a model on a dataset; its state is null where nobody has asked yet. */
export function knownEvaluation(model, dataset) {
  return get(`${evaluationsOf(model)}/${dataset}`);
}

/** Begin an evaluation. */
export function startEvaluation(model, dataset) {
  return ask("POST", evaluationsOf(model), { json: { dataset_id: dataset } });
}

/** Follow an evaluation to its end; `onProgress` gets how far it is, 0 to 1, null while it waits. */
export async function ended(model, dataset, onProgress) {
  for (;;) {
    const known = await get(`${evaluationsOf(model)}/${dataset}`);
    if (known.state === "done" || known.state === "failed") return known;
    onProgress(known.total > 0 ? known.done / known.total : null);
    await new Promise((done) => { setTimeout(done, POLL_MS); });
  }
}
