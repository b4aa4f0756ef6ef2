/** Images of the product to try it with. */

import { API, attempt, get } from "./api.js";
import { make } from "./dom.js";
import { t } from "./page.js";

/**
 * Fill the strip of samples; a chosen one is fetched and given on.
 * @param {HTMLElement} place
 * @param {string|null} product
 * @param {(image: {name: string, blob: Blob}) => void} onImage
 */
export async function showSamples(place, product, onImage) {
  if (product === null) return;
  const samples = await attempt(() => get(`/products/${encodeURIComponent(product)}/samples`));
  if (!samples || samples.items.length === 0) return;
  const tiles = samples.items.map((sample) => make("button", {
    type: "button", class: "tile", title: sample.name,
    onclick: () => attempt(async () => {
      const blob = await get(sample.image_url.slice(API.length), { as: "blob" });
      onImage({ name: sample.name, blob });
    }),
  },
  make("img", { src: sample.thumbnail_url, alt: "", loading: "lazy", width: 84, height: 84 }),
  make("span", {}, labelText(sample.label))));
  place.querySelector(".tiles").replaceChildren(...tiles);
  place.hidden = false;
}

function labelText(label) {
  if (label === null) return t("inspect.unlabelled");
  return label === "good" ? t("inspect.good") : label;
}
