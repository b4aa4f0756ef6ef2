/** How probable each class is that the model knows. */

import { make } from "./dom.js";
import { percentText, t } from "./page.js";

const MOST = 5;

/**
 * Return the classes of an inspection, the likeliest first; null where its model names none.
 * @param {Inspection} one
 */
export function classShares(one) {
  const shares = Object.entries(one.classes).sort(([, a], [, b]) => b - a);
  if (shares.length === 0) return null;
  const rows = shares.slice(0, MOST).map(([name, share]) => make("li", {},
    make("span", { class: "break", translate: "no" }, name),
    make("progress", { max: 1, value: share, "aria-hidden": "true" }),
    make("span", {}, percentText(share))));
  const more = shares.length - rows.length;
  return make("section", { "aria-label": t("inspect.classes") },
    make("h2", {}, t("inspect.classes")),
    make("ol", { class: "class-shares" }, rows),
    more > 0 ? make("p", { class: "small soft" }, t("inspect.more_classes", { count: more })) : null);
}
