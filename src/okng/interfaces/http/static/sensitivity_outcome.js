/** What two thresholds do: rates with their intervals, and the confusion matrix. */

import { make } from "./dom.js";
import { VERDICTS, ratesOf } from "./known_scores.js";
import { percentText, t } from "./page.js";
import { badge } from "./verdicts.js";

const RATES = [["overkill", "NG"], ["looked_at", "REVIEW"], ["escapes", "OK"]];

export class Outcome {
  /**
   * @param {HTMLElement} rates
   * @param {HTMLTableElement} table with `data-head`, `data-truth` and `data-cell`
   */
  constructor(rates, table) {
    this.cards = Object.fromEntries(RATES.map(([key, verdict]) => [key, card(key, verdict)]));
    rates.append(...Object.values(this.cards).map((one) => one.element));
    for (const verdict of VERDICTS) table.querySelector(`[data-head=${verdict}]`).append(badge(verdict));
    this.cells = {};
    for (const row of table.querySelectorAll("[data-truth]")) {
      this.cells[row.dataset.truth] = Object.fromEntries(
        VERDICTS.map((verdict) => [verdict, row.querySelector(`[data-cell=${verdict}]`)]),
      );
    }
  }

  /** Show what `now` does; `inUse` are the thresholds to compare with. */
  show(known, now, inUse) {
    const confusion = known.confusion(now);
    for (const [truth, cells] of Object.entries(this.cells)) {
      for (const verdict of VERDICTS) write(cells[verdict], confusion[truth][verdict].toLocaleString());
    }
    const rates = ratesOf(confusion);
    const before = ratesOf(known.confusion(inUse));
    for (const [key] of RATES) this.cards[key].show(rates[key], before[key]);
  }
}

/** Return one rate's place, and what fills it. */
function card(key, verdict) {
  const value = make("strong", {});
  const part = make("span", {});
  const interval = make("span", { class: "soft small" });
  const old = make("span", { class: "soft small" });
  const bar = make("div", { class: "interval" }, make("i", {}), make("b", {}));
  const element = make("div", { class: "rate", "data-verdict": verdict, "data-rate": key },
    make("div", { class: "row spread" },
      make("h3", {}, t(`sensitivity.${key}`), " ", make("small", { class: "soft" }, t(`sensitivity.${key}_what`))), old),
    make("p", { class: "rate-value" }, value, part, interval), bar);
  function show(rate, before) {
    const unknown = rate.value === null;
    write(value, unknown ? t("sensitivity.unknown") : percentText(rate.value));
    write(part, unknown ? "" : t("sensitivity.part", { part: rate.count, whole: rate.total }));
    write(interval, unknown ? "" : t("sensitivity.interval", { low: percentText(rate.low), high: percentText(rate.high) }));
    write(old, unknown || before.count === rate.count ? "" : t("sensitivity.before", { rate: percentText(before.value) }));
    bar.hidden = unknown;
    bar.firstChild.style.transform = `translateX(${100 * rate.low}%) scaleX(${rate.high - rate.low})`;
    bar.lastChild.style.transform = `translateX(${100 * (rate.value ?? 0)}%)`;
  }
  return { element, show };
}

/** Write text where it is another one: nothing is laid out for what stays. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
