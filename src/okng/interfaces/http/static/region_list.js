/** The places that a model found on an image, as a list to choose from. */

import { make } from "./dom.js";
import { scoreText, t } from "./page.js";

const MOST_REGIONS = 12;

/** Return the list; choosing a place shows it in the viewer. `most` are listed, the rest counted. */
export function regionList({ regions }, viewer, most = MOST_REGIONS) {
  if (regions.length === 0) return make("p", { class: "small soft" }, t("inspect.no_regions"));
  const rows = regions.slice(0, most).map((region, i) => make("li", {},
    make("button", {
      type: "button", class: "plain region",
      onclick: () => { viewer.choose(i); viewer.lookAt(region.box); },
    },
    make("span", { class: "region-number" }, i + 1),
    make("span", {}, region.kind ?? t("inspect.region")),
    make("span", { class: "soft" }, t("inspect.area", { area: region.area_px })),
    make("strong", {}, scoreText(region.peak_score)))));
  const more = regions.length - rows.length;
  return make("section", { "aria-label": t("inspect.regions") },
    make("h2", {}, t("inspect.regions")),
    make("ol", { class: "regions" }, rows),
    more > 0 ? make("p", { class: "small soft" }, t("inspect.more_regions", { count: more })) : null);
}
