/** What the model said of an image that is reviewed, unless the reviewer is not to know it. */

import { classShares } from "./class_shares.js";
import { make } from "./dom.js";
import { scoreText, t, timeText } from "./page.js";
import { regionList } from "./region_list.js";
import { banner, scoreScale } from "./verdicts.js";

const MOST_REGIONS = 5;

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
      regionList(inspection, viewer, MOST_REGIONS),
    ].filter((piece) => piece !== null)), facts(inspection));
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
