/** Every calibration of a model: what was set when, by whom and why. */

import { make } from "./dom.js";
import { scoreText, t, timeText } from "./page.js";
import { promiseText } from "./promises.js";

export class History {
  /**
   * @param {HTMLElement} place the table's body
   * @param {(thresholds: {review: number, ng: number}) => void} take is given those that are chosen
   */
  constructor(place, take) {
    this.place = place;
    this.take = take;
    this.items = [];
  }

  /** Show calibrations, which come oldest first. */
  show(items) {
    this.items = items;
    this.place.replaceChildren(...items.map((one, i) => this.#row(one, i === items.length - 1)).reverse());
  }

  /** Show one that was just made. */
  add(calibration) {
    this.show([...this.items, calibration]);
  }

  #row(one, inUse) {
    const take = () => this.take({ review: one.review_threshold, ng: one.ng_threshold });
    const said = t("sensitivity.take_said", { number: one.version });
    return make("tr", { "aria-current": inUse ? "true" : null },
      make("td", { class: "number" }, String(one.version)),
      make("td", {}, make("time", { datetime: one.created, class: "nowrap" }, timeText(one.created))),
      make("td", { class: "who" }, one.author || byWhom(one)),
      make("td", {}, t(`sensitivity.method.${one.method}`)),
      make("td", { class: "number" }, scoreText(one.review_threshold)),
      make("td", { class: "number" }, scoreText(one.ng_threshold)),
      make("td", { class: "small promise" }, one.promises.map((promise) => make("div", {}, promiseText(promise)))),
      make("td", { class: "small break why" }, one.note),
      make("td", {}, inUse ? make("span", { class: "in-use" }, t("sensitivity.in_use"))
        : make("button", { type: "button", onclick: take, "aria-label": said }, t("sensitivity.take"))));
  }
}

/** Return what set thresholds that nobody signed for. */
function byWhom(calibration) {
  return calibration.version === 1 ? t("sensitivity.by_training") : t("sensitivity.by_command");
}
