/** The page Sensitivity: move the thresholds, see what that would change, save them as new ones. */

import { attempt, ask, get } from "./api.js";
import { icon, make, the } from "./dom.js";
import { KnownScores } from "./known_scores.js";
import { tell } from "./notices.js";
import { pageData, t } from "./page.js";
import { ScoreChart } from "./score_chart.js";
import { Changes } from "./sensitivity_changes.js";
import { History } from "./sensitivity_history.js";
import { Outcome } from "./sensitivity_outcome.js";

const ASK_AGAIN_MS = 1000;
const DIGITS = 6;
const SOURCES = ["calibration", "sample", "review"];

const place = `/products/${encodeURIComponent(pageData.product)}/models/${pageData.version}`;
const chart = new ScoreChart(the("chart"), move);
const outcome = new Outcome(the("rates"), the("confusion"));
const changes = new Changes(the("changes"), the("changes-none"));
const history = new History(the("history"), move);
const counted = new Set(["calibration", "sample"]);
const values = { review: the("review-value"), ng: the("ng-value") };

let answer = null; // what the service knows, see ScoresAnswer
let known = new KnownScores([]);
let inUse = null;
let now = null;
let frame = 0;

/** Take thresholds from the lines, the fields or the history, and show what they do. */
function move(thresholds) {
  now = { review: thresholds.review, ng: thresholds.ng };
  chart.set(now);
  if (!frame) frame = requestAnimationFrame(show);
}

function show() {
  frame = 0;
  if (now === null) return;
  outcome.show(known, now, inUse);
  changes.show(known, now, inUse);
  for (const [kind, field] of Object.entries(values)) {
    if (document.activeElement !== field) field.value = Number(now[kind].toPrecision(DIGITS));
    field.setCustomValidity("");
  }
  const moved = now.review !== inUse.review || now.ng !== inUse.ng;
  the("save-button").disabled = !moved;
  the("reset").disabled = !moved;
}

function showScores() {
  known = new KnownScores(answer.scores.filter((one) => counted.has(one.source)));
  const beyond = chart.show(known, inUse);
  the("tail").textContent = beyond ? t("sensitivity.tail", { count: beyond }) : "";
  chart.set(now);
  show();
}

function showSources() {
  const boxes = SOURCES.map((source) => {
    const these = answer.scores.filter((one) => one.source === source);
    if (these.length === 0) return null;
    const good = these.filter((one) => one.good).length;
    const said = t(`sensitivity.counted.${source}`, { good, defective: these.length - good });
    const box = make("input", { type: "checkbox", "data-source": source });
    box.checked = counted.has(source);
    box.addEventListener("change", () => {
      if (box.checked) counted.add(source);
      else counted.delete(source);
      showScores();
    });
    return make("label", { class: "check" }, box,
      make("span", {}, `${t(`sensitivity.source.${source}`)} `, make("small", { class: "soft" }, said)));
  });
  const legend = the("sources").querySelector("legend");
  the("sources").replaceChildren(legend, ...boxes.filter(Boolean));
}

function showScoring() {
  const { scoring } = answer;
  const parts = [];
  const going = scoring.state === "queued" || scoring.state === "running";
  if (going) {
    const words = scoring.total
      ? t("sensitivity.scoring", { done: scoring.done, total: scoring.total })
      : t("sensitivity.scoring_begins");
    parts.push(make("div", { class: "row progress-row" },
      make("progress", { max: scoring.total || 1, value: scoring.done, "aria-label": words }),
      make("span", { class: "small soft" }, words)));
    setTimeout(look, ASK_AGAIN_MS);
  } else if (scoring.newest !== null && scoring.newest !== scoring.dataset) {
    const words = scoring.dataset === null
      ? t("sensitivity.score_samples", { dataset: scoring.newest })
      : t("sensitivity.score_again", { dataset: scoring.newest, before: scoring.dataset });
    parts.push(make("div", {}, make("button", { type: "button", onclick: score }, icon("start"), words)));
  }
  if (scoring.error) parts.push(note(scoring.error, "NG"));
  if (scoring.left_out) parts.push(note(t("sensitivity.left_out", { count: scoring.left_out })));
  if (!answer.scores.some((one) => !one.good) && !going) {
    parts.push(note(scoring.newest === null ? t("sensitivity.no_samples") : t("sensitivity.no_defects"), "REVIEW"));
  }
  if (answer.scores.some((one) => one.source === "review")) {
    const more = answer.more_reviewed ? ` ${t("sensitivity.more_reviewed")}` : "";
    parts.push(make("p", { class: "small soft" }, t("sensitivity.review_bias") + more));
  }
  the("scoring").replaceChildren(...parts);
}

function note(text, verdict = null) {
  const sign = verdict === null ? null : icon(`verdict-${verdict.toLowerCase()}`);
  return make("p", { class: "note small", "data-verdict": verdict }, sign, make("span", {}, text));
}

async function score() {
  const begun = await attempt(() => ask("POST", `${place}/scores`));
  if (begun) await look();
}

async function look() {
  const found = await attempt(() => get(`${place}/scores`));
  if (!found) return;
  const before = answer?.scores.length;
  answer = found;
  showScoring();
  if (before !== found.scores.length) {
    showSources();
    showScores();
  }
}

async function save(event) {
  event.preventDefault();
  const body = { threshold: now.review, ng_threshold: now.ng, note: the("note").value.trim().replace(/\s+/g, " ") };
  const made = await attempt(() => ask("POST", `${place}/calibrations`, { json: body }));
  if (!made) return;
  the("note").value = "";
  history.add(made);
  use(made);
  move(inUse);
  tell(t("sensitivity.saved", { number: made.version }), "OK");
}

/** Take a calibration as the one that is in use. */
function use(calibration) {
  inUse = { review: calibration.review_threshold, ng: calibration.ng_threshold };
  the("save-button").querySelector("span").textContent = t("sensitivity.save", { number: calibration.version + 1 });
}

/** Take the number of the field that was typed in; the other field shows a rounded one. */
function typed(event) {
  const { review, ng } = { ...now, [event.target === values.ng ? "ng" : "review"]: event.target.valueAsNumber };
  const fault = Number.isFinite(review) && Number.isFinite(ng) && ng >= review ? "" : t("sensitivity.crossed");
  for (const field of Object.values(values)) field.setCustomValidity(fault);
  if (fault) the("save-button").disabled = false; // so that pressing it says what is wrong
  else move({ review, ng });
}

async function begin() {
  const found = await attempt(() => get(`${place}/calibrations`));
  if (!found) return;
  history.show(found.items);
  use(found.items.at(-1));
  now = inUse;
  await look();
}

for (const field of Object.values(values)) field.addEventListener("input", typed);
the("save").addEventListener("submit", save);
the("reset").addEventListener("click", () => move(inUse));
await begin();
