/** Shows how a training goes: its stage in words, how far it is, and what it says. */

import { API, ask, attempt, get, Problem } from "./api.js";
import { icon, make } from "./dom.js";
import { LearningCurves } from "./learning_curves.js";
import { durationText, pageData, may, t } from "./page.js";
import { TimeLeft } from "./time_left.js";

const POLL_MS = 700;
const DREW = /; examples: .*preview\.png/;
const FINAL = ["done", "failed", "cancelled"];

/** Return a job's stage in words; `features, 1 of 2` is the first of two that do the same. */
export function stageText(job) {
  if (job.state === "queued") return t("training.state.queued");
  return job.stage ? stageWords(job.stage) : t("training.starting");
}

function stageWords(stage) {
  const [what, ...which] = stage.split(", ");
  const known = `training.stage.${what}` in pageData.texts;
  return [known ? t(`training.stage.${what}`) : what, ...which].join(", ");
}

/** Follow a job in a place of the page until it has ended; return how it ended. */
export async function followTraining(place, id) {
  const said = make("strong", { class: "stage-said" });
  const share = make("span", { class: "soft small" });
  const progress = make("progress", { max: 1, "aria-label": t("training.progress") });
  const log = make("pre", { class: "log", tabindex: 0, "aria-label": t("training.log") });
  const cancel = make("button", {
    type: "button", onclick: () => attempt(() => ask("POST", `/jobs/${id}/cancel`)),
  }, icon("stop"), t("training.cancel"));
  const learning = make("div");
  const examples = make("div");
  place.replaceChildren(make("div", { class: "training" },
    make("div", { class: "row spread" },
      make("div", { role: "status", "aria-live": "polite" }, said), may("teach") ? cancel : null),
    make("div", { class: "row progress-row" }, progress, share),
    examples, learning,
    make("details", { class: "fold", open: true }, make("summary", {}, t("training.log")), log)));
  const lines = new LogReader(id, log);
  const curves = new LearningCurves(learning);
  const time = new TimeLeft();
  for (;;) {
    const job = await patiently(() => get(`/jobs/${id}`));
    if (said.textContent !== stageText(job)) said.textContent = stageText(job);
    if (job.total > 0) {
      progress.value = job.done / job.total;
      const seconds = time.of(job.stage, job.done, job.total);
      const known = { done: job.done, all: job.total };
      share.textContent = seconds === null ? t("training.of", known)
        : t("training.of_left", { ...known, left: durationText(seconds) });
    } else {
      progress.removeAttribute("value");
      share.textContent = "";
    }
    const { stages } = await patiently(() => get(`/jobs/${id}/curves`));
    curves.show(stages, stageWords(stages.at(-1)?.stage ?? ""));
    await patiently(() => lines.read());
    if (examples.childElementCount === 0 && DREW.test(log.textContent)) showExamples(examples, job);
    if (FINAL.includes(job.state)) return job;
    await pause(POLL_MS);
  }
}

/** Show the images as they will be learned: a flip that moves a defect's meaning is seen here. */
function showExamples(place, job) {
  const url = `${API}/products/${encodeURIComponent(job.product)}/preview`;
  place.replaceChildren(make("details", { class: "fold", open: true },
    make("summary", {}, t("training.examples")),
    make("a", { href: url, target: "_blank", rel: "noopener" },
      make("img", { src: url, alt: t("training.examples_alt"), class: "examples" }))));
}

/** Reads a job's log line by line. */
export class LogReader {
  constructor(id, place) {
    this.id = id;
    this.place = place;
    this.last = 0;
  }

  /** Add what is new; the newest stays in sight where it was. */
  async read() {
    const { lines } = await get(`/jobs/${this.id}/log?after=${this.last}`);
    if (lines.length === 0) return;
    const { place } = this;
    const atEnd = place.scrollTop + place.clientHeight >= place.scrollHeight - 4;
    place.append(lines.map((line) => `${line.text}\n`).join(""));
    this.last = lines.at(-1).number;
    if (atEnd) place.scrollTop = place.scrollHeight;
  }
}

/** Ask again while nobody answers: a training outlives a restart of the service. */
async function patiently(work) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem) || (error.status !== 0 && error.status < 500)) throw error;
      await pause(3 * POLL_MS);
    }
  }
}

function pause(milliseconds) {
  return new Promise((done) => { setTimeout(done, milliseconds); });
}
