/** The page of one dataset: what is in it, and what a check-up found, as pictures. */

import { API, ask, attempt, get } from "./api.js";
import { listenToButtons } from "./asking_buttons.js";
import { icon, make, the } from "./dom.js";
import { may, pageData, t, timeText } from "./page.js";

const POLL_MS = 700;
const AT_FIRST = 3; // cases of a finding; the others unfold
const VERDICTS = { fix: "NG", look: "REVIEW", know: "ERROR" };

const path = `/datasets/${pageData.dataset}`;
const state = the("state");
let { checked } = pageData;

/** Show the newest check-up, and follow one that runs. */
async function showCheckup() {
  if (!checked) {
    state.replaceChildren(make("p", { class: "soft" }, may("teach") ? t("dataset.unchecked") : t("dataset.unchecked_yet")));
    return;
  }
  let known = await get(`${path}/doctor`);
  while (known.state === "queued" || known.state === "running") {
    showProgress(known);
    await new Promise((done) => { setTimeout(done, POLL_MS); });
    known = await get(`${path}/doctor`);
  }
  state.replaceChildren();
  if (known.error) state.append(note("NG", known.error));
  if (known.diagnosis) showDiagnosis(known.diagnosis);
}

function showProgress({ stage, done, total }) {
  const known = `dataset.stage.${stage}` in pageData.texts;
  const said = stage === "" ? t("dataset.waiting") : known ? t(`dataset.stage.${stage}`) : stage;
  const progress = make("progress", { max: 1, "aria-label": t("dataset.progress") });
  if (total > 0) progress.value = done / total;
  state.replaceChildren(make("p", { class: "stage-said" }, said), progress);
  the("findings").replaceChildren();
}

function showDiagnosis(diagnosis) {
  const { findings } = diagnosis;
  const worst = findings.some((one) => one.urgency === "fix") ? "fix" : findings.some((one) => one.urgency === "look") ? "look" : null;
  state.append(
    note(worst === null ? "OK" : VERDICTS[worst], t(`dataset.result.${worst ?? "well"}`)),
    make("p", { class: "small soft" }, t("dataset.seen", {
      images: diagnosis.images, parts: diagnosis.parts, time: timeText(diagnosis.created),
    })));
  the("findings").replaceChildren(...findings.map(section));
}

function section(finding) {
  const verdict = VERDICTS[finding.urgency];
  const pictured = finding.cases.filter((one) => one.images.length > 0);
  const rest = pictured.slice(AT_FIRST);
  return make("article", { class: "finding", "data-verdict": verdict },
    make("h3", {}, make("span", { class: "badge" }, icon(`verdict-${verdict.toLowerCase()}`), t(`dataset.urgency.${finding.urgency}`)),
      make("span", {}, finding.headline)),
    finding.mend ? make("p", { class: "soft" }, finding.mend) : null,
    pictured.slice(0, AT_FIRST).map(caseOf),
    rest.length > 0 ? make("details", { class: "fold" }, make("summary", {}, t("dataset.more", { count: rest.length + finding.more })), rest.map(caseOf)) : null);
}

function caseOf({ text, images, more }) {
  return make("div", { class: "case" },
    make("p", { class: "small break" }, text),
    make("div", { class: "case-images" }, images.map((image) => make("figure", {},
      make("a", { href: `${API}${path}/doctor/images/${image.number}`, target: "_blank", rel: "noopener" },
        make("img", { src: `${API}${path}/doctor/images/${image.number}`, alt: image.image, loading: "lazy" })),
      make("figcaption", { class: "small break" }, image.image)))),
    more > 0 ? make("p", { class: "small soft" }, t("dataset.more_images", { count: more })) : null);
}

function note(verdict, text) {
  return make("p", { class: "note", "data-verdict": verdict }, icon(`verdict-${verdict.toLowerCase()}`), make("span", {}, text));
}

async function showSamples() {
  const { items } = await get(`${path}/samples`);
  the("samples").hidden = items.length === 0;
  the("samples").querySelector(".tiles").append(...items.map((sample) => make("span", { class: "tile", title: sample.name },
    make("img", { src: sample.thumbnail_url, alt: "", loading: "lazy", width: 84, height: 84 }),
    make("span", {}, ["good", null].includes(sample.label) ? t(`dataset.${sample.label ?? "unlabelled"}`) : sample.label))));
}

document.getElementById("check")?.addEventListener("click", () => attempt(async () => {
  the("check").disabled = true;
  try {
    await ask("POST", `${path}/doctor`);
    checked = true;
    await showCheckup();
  } finally {
    the("check").disabled = false;
  }
}));
listenToButtons();
void attempt(showSamples);
void attempt(showCheckup);
