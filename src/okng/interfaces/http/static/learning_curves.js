/** Draws how well a training learns, epoch by epoch, and says its newest figures. */

import { make } from "./dom.js";
import { scoreText, t } from "./page.js";
import { axisLook, colour, plot } from "./plot.js";

const HEIGHT_PX = 190;
const COLOURS = ["--accent", "--ng", "--ok", "--review"];

export class LearningCurves {
  /** @param {HTMLElement} place what it fills; empty as long as nothing is learned step by step */
  constructor(place) {
    this.place = place;
    this.said = make("p", { class: "small soft", role: "status" });
    this.charts = make("div", { class: "curves" });
    this.shown = "";
  }

  /**
   * Show the stage that is being learned, or was last.
   * @param {Array} stages as the service tells them: `stage`, `curves` with `name` and `points`
   * @param {string} words the stage's name for people
   */
  show(stages, words) {
    const stage = stages.at(-1);
    const now = JSON.stringify(stage ?? null);
    if (stage === undefined || now === this.shown) return;
    this.shown = now;
    if (!this.place.contains(this.charts)) this.place.replaceChildren(this.said, this.charts);
    const newest = stage.curves.map((curve) => t("training.figure", { name: curve.name, value: scoreText(curve.points.at(-1)[1]) }));
    this.said.textContent = t("training.epoch", { stage: words, epoch: stage.curves[0].points.at(-1)[0], figures: newest.join(", ") });
    const shares = stage.curves.filter(({ name }) => name.includes("accuracy"));
    const losses = stage.curves.filter(({ name }) => !name.includes("accuracy"));
    const groups = [losses, shares].filter((group) => group.length > 0);
    while (this.charts.children.length < groups.length) this.charts.append(make("div"));
    groups.forEach((group, i) => draw(this.charts.children[i], group, group === shares));
  }
}

function draw(place, curves, areShares) {
  const epochs = [...new Set(curves.flatMap(({ points }) => points.map(([epoch]) => epoch)))].sort((a, b) => a - b);
  const axis = axisLook();
  const known = curves.map(({ points }) => new Map(points));
  plot(place, {
    height: HEIGHT_PX,
    cursor: { drag: { x: false, y: false } },
    legend: { live: true },
    scales: { x: { time: false, range: (_, low, high) => [low, Math.max(high, low + 1)] }, y: { range: (_, low, high) => span(low, high, areShares) } },
    axes: [{ ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] }, { ...axis, size: 56 }],
    series: [
      { label: t("training.epochs"), value: (_, one) => (one === null ? "–" : String(one)) },
      ...curves.map(({ name }, i) => ({
        label: name, stroke: colour(COLOURS[i % COLOURS.length]), width: 2, points: { show: epochs.length < 2 },
        value: (_, one) => (one === null || one === undefined ? "–" : scoreText(one)),
      })),
    ],
  }, [epochs, ...known.map((values) => epochs.map((epoch) => values.get(epoch) ?? null))]);
}

/** Losses stand on 0 unless one is below; shares end at 1. */
function span(low, high, areShares) {
  if (low === null || high === null) return [0, 1];
  const room = Math.max((high - low) * 0.1, 1e-9);
  return areShares ? [Math.max(0, low - room), 1] : [Math.min(0, low), high + room];
}
