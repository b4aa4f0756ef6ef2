/** What the thresholds promise that an inspection was judged by. */

import { get } from "./api.js";
import { make } from "./dom.js";
import { percentText, t } from "./page.js";

const known = new Map();

/** Return the calibrations of a model by number; they never change, so each is asked for once. */
async function calibrationOf(product, model, number) {
  const key = `${model} ${number}`;
  if (!known.has(key)) {
    const version = model.slice(product.length + 1);
    const { items } = await get(`/products/${encodeURIComponent(product)}/models/${version}/calibrations`);
    for (const one of items) known.set(`${model} ${one.version}`, one);
  }
  return known.get(key);
}

/** Return paragraphs that say what is promised for an inspection. */
export async function promisesOf(inspection) {
  const { product, model, calibration: number } = inspection;
  const calibration = await calibrationOf(product, model, number);
  if (!calibration) return [];
  if (calibration.promises.length === 0) return [make("p", {}, t("promise.none"))];
  return calibration.promises.map((promise) => make("p", {}, promiseText(promise)));
}

/** Return one promise in words. */
export function promiseText(promise) {
  const kind = promise.of === "good" ? "good" : "defective";
  const values = {
    rate: percentText(promise.rate, 2), confidence: percentText(promise.confidence, 0), n: promise.n,
  };
  const text = t(`promise.${kind}.${promise.exact ? "exact" : "approximate"}`, values);
  if (!promise.missing) return text;
  return `${text} ${t(`promise.missing.${kind}`, { wanted: percentText(promise.wanted, 2), count: promise.missing })}`;
}
