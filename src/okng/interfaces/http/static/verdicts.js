/** Verdicts as people see them: colour, word and shape, and where a score lies. */

import { icon, make } from "./dom.js";
import { scoreText, t } from "./page.js";

/** Return a verdict in small. */
export function badge(verdict) {
  return make("span", { class: "badge", "data-verdict": verdict },
    icon(`verdict-${verdict.toLowerCase()}`), t(`verdict.${verdict}`));
}

/** Return a verdict in large, with what it means. */
export function banner(verdict) {
  return make("div", { class: "verdict", "data-verdict": verdict },
    icon(`verdict-${verdict.toLowerCase()}`),
    make("div", {},
      make("strong", {}, t(`verdict.${verdict}`)),
      make("span", {}, t(`verdict.means.${verdict}`))));
}

/**
 * Return a small scale: where the score lies among OK, REVIEW and NG.
 * @param {{score: number, review_threshold: number, ng_threshold: number, verdict: string}} inspection
 */
export function scoreScale(inspection) {
  const { score, review_threshold: review, ng_threshold: ng } = inspection;
  const step = Math.max(ng - review, Math.abs(review) / 4, 1e-9);
  const low = Math.min(score, review - 2.5 * step, Math.max(0, review - 4 * step));
  const high = Math.max(ng + 1.5 * step, Math.min(score, ng + 3 * step));
  const at = (value) => `${(100 * Math.min(1, Math.max(0, (value - low) / (high - low)))).toFixed(2)}%`;
  const zone = (verdict, from, to) => {
    const part = make("div", { class: "scale-zone", "data-verdict": verdict });
    part.style.left = at(from);
    part.style.right = `calc(100% - ${at(to)})`;
    return part;
  };
  const mark = (value, text, kind) => {
    const line = make("div", { class: `scale-mark ${kind}` }, make("span", {}, text));
    line.style.left = at(value);
    return line;
  };
  const needle = make("div", {
    class: `scale-needle${score > high ? " beyond" : ""}`, "data-verdict": inspection.verdict,
  });
  needle.style.left = at(score);
  return make("div", {
    class: "scale", role: "img",
    "aria-label": t("scale.said", {
      score: scoreText(score), review: scoreText(review), ng: scoreText(ng),
    }),
  },
  make("div", { class: "scale-track" }, zone("OK", low, review), zone("REVIEW", review, ng), zone("NG", ng, high), needle),
  mark(review, `${t("verdict.REVIEW")} ${scoreText(review)}`, "review"),
  mark(ng, `${t("verdict.NG")} ${scoreText(ng)}`, "ng"));
}
