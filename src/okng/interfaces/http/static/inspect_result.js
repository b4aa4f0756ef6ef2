/** Shows one image with its verdict: the picture, and beside it what was found and promised. */

import { attempt } from "./api.js";
import { classShares } from "./class_shares.js";
import { make, painted } from "./dom.js";
import { decodeMap } from "./heatmap.js";
import { pictureOf } from "./pictures.js";
import { percentText, scoreText, t } from "./page.js";
import { promisesOf } from "./promises.js";
import { regionList } from "./region_list.js";
import { badge, banner, scoreScale } from "./verdicts.js";

export class ResultPanel {
  /**
   * @param {HTMLElement} place
   * @param {Viewer} viewer
   */
  constructor(place, viewer) {
    this.place = place;
    this.viewer = viewer;
    this.picture = null;
    this.clear();
  }

  /** Show that there is nothing yet. */
  clear() {
    this.picture = null;
    this.viewer.clear();
    this.place.replaceChildren(
      make("p", { class: "soft" }, t("inspect.nothing_yet")),
      make("ul", { class: "legend" }, ["OK", "REVIEW", "NG"].map((verdict) => make("li", {}, badge(verdict), t(`verdict.means.${verdict}`)))),
    );
  }

  /**
   * Show an item; `current` tells whether it is still the one to show.
   * @param {Item} item
   * @param {() => boolean} current
   */
  async show(item, current) {
    this.place.replaceChildren(...this.#content(item));
    // What the browser itself cannot show comes with the verdict.
    if (this.picture?.item !== item || (this.picture.image === null && item.inspection?.picture)) {
      const image = await pictureOf(item);
      if (!current()) return;
      this.picture = { item, image };
      this.viewer.show(image);
    }
    const { inspection } = item;
    if (inspection === null || this.picture.image === null) return;
    await painted(); // the verdict first, then where
    if (!current()) return;
    const map = inspection.map ? decodeMap(inspection.map) : null;
    this.viewer.find(inspection.regions, map);
  }

  #content(item) {
    const name = make("p", { class: "break small soft", translate: "no" }, item.name);
    if (item.state === "waiting") return [name, make("p", {}, t("inspect.press_start"))];
    if (item.state === "running") return [name, make("p", { class: "working" }, t("inspect.working"))];
    if (item.state === "failed") {
      return [name, make("p", { class: "note", "data-verdict": "ERROR", role: "alert" }, item.problem.message)];
    }
    return [banner(item.inspection.verdict), name, ...this.#judged(item)];
  }

  #judged(item) {
    const one = item.inspection;
    if (one.verdict === "ERROR" || one.score === null) {
      return [make("p", { class: "note", "data-verdict": "ERROR" }, one.error ?? t("verdict.means.ERROR"))];
    }
    const promises = make("div", { class: "small" });
    void attempt(async () => promises.replaceChildren(...await promisesOf(one)));
    return [
      make("div", { class: "score-line" },
        make("span", {}, t("inspect.score")), make("strong", {}, scoreText(one.score))),
      scoreScale(one),
      make("p", { class: "small" }, t("inspect.p_value", { share: percentText(one.p_value) })),
      promises,
      classShares(one),
      regionList(one, this.viewer),
      make("dl", { class: "facts small" },
        make("dt", {}, t("inspect.model")),
        make("dd", { translate: "no" }, t("inspect.model_said", { model: one.model, calibration: one.calibration })),
        make("dt", {}, t("inspect.time")),
        make("dd", {}, t("inspect.time_said", {
          inspection: Math.round(one.timing.total_ms), answer: Math.round(item.roundTrip),
        }))),
    ].filter((piece) => piece !== null);
  }
}
