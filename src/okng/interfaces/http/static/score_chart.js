/**
 * The histogram of good and defective scores, with two thresholds to drag.
 *
 * The bars are drawn once; while a line moves, only the line and the zones' edges do.
 */

import { make } from "./dom.js";
import { scoreText, t } from "./page.js";
import uPlot from "./vendor/uplot/uPlot.esm.js";

const BINS = 72;
const HEIGHT_PX = 320;
const STEPS = 400;
const FAST = 10;
const ROOM = 0.06;
const NEARER_PX = 3;
const SHOWN = 0.985;
const GROUND = 0.46; // of the height: where good parts stand, and defective ones hang
const ABOVE = 1.4; // room above the highest bar for what the lines say
const BELOW = 1.25;
const KINDS = [["review", "REVIEW"], ["ng", "NG"]];

export class ScoreChart {
  /**
   * @param {HTMLElement} place
   * @param {(thresholds: {review: number, ng: number}) => void} moved told of every move
   */
  constructor(place, moved) {
    this.place = place;
    this.moved = moved;
    this.thresholds = { review: 0, ng: 0 };
    this.words = {
      good: make("p", { class: "score-words good" }),
      defective: make("p", { class: "score-words defective" }),
    };
    this.zones = ["OK", "REVIEW", "NG"].map((v) => make("div", { class: "score-zone", "data-verdict": v }));
    this.lines = Object.fromEntries(KINDS.map(([kind, verdict]) => [kind, this.#line(kind, verdict)]));
    // As wide as the chart, so that a line is moved by a share of it.
    this.rails = Object.fromEntries(KINDS.map(([kind]) => [kind, make("div", { class: "score-rail" }, this.lines[kind])]));
    const again = () => this.plot && this.#draw();
    document.addEventListener("themechange", again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    new ResizeObserver(() => this.#fit()).observe(place);
  }

  /**
   * Show scores; `fixed` are thresholds that must be in sight too.
   * @returns {number} how many scores lie beyond the last bar, which holds them
   */
  show(scores, fixed) {
    this.scores = scores;
    this.range = rangeOf(scores, fixed);
    this.#draw();
    return scores.items.filter((one) => one.score > this.range[1]).length;
  }

  /** Put the lines somewhere. */
  set({ review, ng }) {
    this.thresholds = { review, ng };
    this.#place();
  }

  #draw() {
    this.plot?.destroy();
    const [low, high] = this.range;
    const edges = Float64Array.from({ length: BINS }, (_, i) => low + (i * (high - low)) / BINS);
    const good = countBins(this.scores.good, low, high);
    const defective = countBins(this.scores.defective, low, high).map((count) => -count);
    const most = (counts) => Math.max(1, ...counts.map(Math.abs));
    const top = ABOVE * most(good);
    const bottom = BELOW * most(defective);
    const colour = colours(this.place, ["--ok-solid", "--ng-solid", "--ink-soft", "--line-strong"]);
    const paths = uPlot.paths.bars({ size: [0.86, 60], align: 1, radius: 0.12 });
    const bars = (label, fill) => ({ label, scale: label, fill, stroke: fill, width: 0, paths, points: { show: false } });
    this.plot = new uPlot({
      width: this.place.clientWidth || 600,
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { show: false },
      padding: [0, 16, 0, 16],
      scales: {
        x: { time: false, range: () => [low, high] },
        good: { range: () => [(-top * GROUND) / (1 - GROUND), top] },
        defective: { range: () => [-bottom, (bottom * (1 - GROUND)) / GROUND] },
      },
      axes: [
        { stroke: colour[2], grid: { show: false }, ticks: { stroke: colour[3], width: 1, size: 5 }, size: 34, font: "13px system-ui, sans-serif", values: (_, all) => all.map((value) => axisText(value)) },
      ],
      series: [{}, bars("good", colour[0]), bars("defective", colour[1])],
      hooks: { draw: [(plot) => ground(plot, colour[3])] },
    }, [edges, good, defective], this.place);
    this.words.good.textContent = t("sensitivity.good_parts", { count: this.scores.good.length });
    this.words.defective.textContent = t("sensitivity.defective_parts", { count: this.scores.defective.length });
    this.plot.under.append(...this.zones);
    this.plot.over.append(this.words.good, this.words.defective, ...KINDS.map(([kind]) => this.rails[kind]));
    this.#place();
  }

  #fit() {
    const width = this.place.clientWidth;
    if (!this.plot || !width || width === this.plot.width) return;
    this.plot.setSize({ width, height: HEIGHT_PX });
    this.#place();
  }

  #place() {
    if (!this.plot) return;
    const [low, high] = this.range;
    const share = (value) => Math.min(1, Math.max(0, (value - low) / (high - low)));
    const [review, ng] = [share(this.thresholds.review), share(this.thresholds.ng)];
    const ends = [[0, review], [review, ng], [ng, 1]];
    this.zones.forEach((zone, i) => {
      zone.style.transform = `translateX(${100 * ends[i][0]}%) scaleX(${ends[i][1] - ends[i][0]})`;
    });
    for (const [kind] of KINDS) {
      const line = this.lines[kind];
      const value = this.thresholds[kind];
      this.rails[kind].style.transform = `translateX(${100 * share(value)}%)`;
      line.classList.toggle("leftward", share(value) > 0.6);
      line.setAttribute("aria-valuenow", value);
      line.setAttribute("aria-valuemin", low);
      line.setAttribute("aria-valuemax", high);
      const said = scoreText(value);
      line.setAttribute("aria-valuetext", said);
      line.querySelector("b").textContent = said;
    }
  }

  #line(kind, verdict) {
    const name = kind === "review" ? t("sensitivity.review_line") : t("sensitivity.ng_line");
    const line = make("div", {
      class: `score-line-handle ${kind}`, "data-verdict": verdict, role: "slider", tabindex: "0", "aria-label": name,
    }, make("span", { class: "score-chip" }, `${name} `, make("b", {})));
    line.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      const box = this.plot.over.getBoundingClientRect();
      this.grip = { left: box.left, width: box.width };
      const taken = this.lines[this.#nearest(kind, event.clientX)];
      taken.focus();
      taken.setPointerCapture(event.pointerId);
    });
    line.addEventListener("pointermove", (event) => {
      if (!line.hasPointerCapture(event.pointerId)) return;
      const [low, high] = this.range;
      const share = (event.clientX - this.grip.left) / this.grip.width;
      this.#move(kind, low + Math.min(1, Math.max(0, share)) * (high - low));
    });
    line.addEventListener("keydown", (event) => this.#key(kind, event));
    return line;
  }

  /** Return the line that was meant: they may lie so close that one covers the other. */
  #nearest(kind, x) {
    const [low, high] = this.range;
    const away = (one) => Math.abs(this.grip.left
      + ((this.thresholds[one] - low) / (high - low)) * this.grip.width - x);
    const other = kind === "review" ? "ng" : "review";
    return away(other) < away(kind) - NEARER_PX ? other : kind;
  }

  #key(kind, event) {
    const [low, high] = this.range;
    const step = ((high - low) / STEPS) * (event.shiftKey ? FAST : 1);
    const value = this.thresholds[kind];
    const to = {
      ArrowLeft: value - step, ArrowDown: value - step, ArrowRight: value + step, ArrowUp: value + step,
      PageDown: value - FAST * step, PageUp: value + FAST * step, Home: low, End: high,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#move(kind, Math.min(high, Math.max(low, to)));
  }

  /** Move a line; the other one gives way, so that NG never begins below REVIEW. */
  #move(kind, to) {
    const value = rounded(to, this.range);
    const { review, ng } = this.thresholds;
    this.thresholds = kind === "review"
      ? { review: value, ng: Math.max(ng, value) }
      : { review: Math.min(review, value), ng: value };
    this.#place();
    this.moved(this.thresholds);
  }
}

/** Return the scores to show: all but a far tail, which the last bar holds, and the thresholds. */
function rangeOf({ good, defective }, { review, ng }) {
  const ends = [good, defective].filter((all) => all.length);
  const low = Math.min(review, ng, ...ends.map((all) => all[0]));
  const far = ends.map((all) => all[Math.floor(SHOWN * (all.length - 1))]);
  const high = Math.max(review, ng, ...far, ...(good.length ? [good.at(-1)] : []));
  const room = ROOM * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

/** Return the number of scores in each bin; what lies beyond the ends counts in the outermost. */
function countBins(scores, low, high) {
  const counts = new Array(BINS).fill(0);
  for (const score of scores) {
    const bin = Math.floor((BINS * (score - low)) / (high - low));
    counts[Math.min(BINS - 1, Math.max(0, bin))] += 1;
  }
  return counts;
}

/** Draw the line on which good parts stand and from which defective ones hang. */
function ground(plot, colour) {
  const { ctx, bbox } = plot;
  const y = Math.round(bbox.top + bbox.height * (1 - GROUND));
  ctx.fillStyle = colour;
  ctx.fillRect(bbox.left, y, bbox.width, Math.max(1, devicePixelRatio));
}

/** Return what the stylesheet's colours are now; a canvas knows no custom properties. */
function colours(place, names) {
  const probe = make("span", { hidden: true });
  place.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

/** Round to what a step of the range can tell apart, so that nobody reads digits of no use. */
function rounded(value, [low, high]) {
  const digits = Math.max(0, Math.ceil(-Math.log10((high - low) / STEPS)) + 1);
  return Number(value.toFixed(Math.min(12, digits)));
}

function axisText(value) {
  return Number(value.toPrecision(6)).toLocaleString(document.documentElement.lang);
}
