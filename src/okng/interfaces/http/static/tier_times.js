/** What one image costs in each tier on this machine, beside the choice of the tier. */

import { ask, attempt, get } from "./api.js";
import { t } from "./page.js";

const POLL_MS = 500;

/**
 * Ask for the times, have them measured where nobody has, and write them beside the tiers.
 * @param {HTMLElement} place holds a `data-tier` for each
 * @param {HTMLElement} said where the page tells that it measures
 */
export function showTierTimes(place, said) {
  return attempt(async () => {
    let known = await get("/tiers");
    if (known.state === null) known = await ask("POST", "/tiers");
    while (known.state === "queued" || known.state === "running") {
      said.textContent = t("train.measuring");
      await new Promise((done) => { setTimeout(done, POLL_MS); });
      known = await get("/tiers");
    }
    said.textContent = known.error ? t("train.not_measured", { why: known.error }) : t("train.measured");
    for (const one of known.tiers) show(place.querySelector(`[data-tier="${one.tier}"]`), one);
  });
}

function show(choice, { milliseconds, missing }) {
  const time = choice.querySelector("output");
  if (missing === null) {
    time.textContent = t("train.ms", { ms: Number(milliseconds.toPrecision(2)) });
    return;
  }
  const radio = choice.querySelector("input");
  radio.disabled = true;
  time.textContent = t("train.missing", { name: missing });
  time.classList.add("missing");
  if (radio.checked) choice.parentElement.querySelector("input:not(:disabled)").checked = true;
}
