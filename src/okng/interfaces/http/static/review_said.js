/** What the model said of an image that is reviewed, unless the reviewer is not to know it. */

import { classShares } from "./class_shares.js";
import { make } from "./dom.js";
import { scoreText, t, timeText } from "./page.js";
import { banner, scoreScale } from "./verdicts.js";

/** Fill `place` with what is known of an inspection; `blind`: but for what the model said. */
export function showSaid(place, inspection, viewer, blind) {
  place.replaceChildren(...(blind
    ? [make("p", { class: "soft" }, t("review.hidden"))]
    : [
      banner(inspection.verdict),
      make("div", { class: "score-line" },
        make("span", {}, t("inspect.score")), make("strong", {}, scoreText(inspection.score))),
      scoreScale(inspection),
      classShares(inspection),
      regions(inspection, viewer),
    ].filter((piece) => piece !== null)), facts(inspection));
}

function regions(inspection, viewer) {
  const rows = inspection.regions.slice(0, 5).map((region, i) => make("button", {
    type: "button", class: "plain region",
    onclick: () => { viewer.choose(i); viewer.lookAt(region.box); },
  },
  make("span", { class: "region-number" }, i + 1),
  make("span", {}, region.kind ?? t("inspect.region")),
  make("span", { class: "soft" }, t("inspect.area", { area: region.area_px })),
  make("strong", {}, scoreText(region.peak_score))));
  return make("div", { class: "regions", role: "group", "aria-label": t("inspect.regions") }, rows);
}

function facts(inspection) {
  const rows = [
    [t("review.time"), timeText(inspection.at)],
    [t("review.part"), inspection.part_id],
    [t("review.lot"), inspection.lot],
    [t("review.station"), inspection.station ?? inspection.camera],
    [t("review.image"), inspection.image],
  ].filter(([, value]) => value);
  return make("dl", { class: "facts small" }, rows.flatMap(([name, value]) => [
    make("dt", {}, name), make("dd", { class: "break", translate: "no" }, value)]));
}
