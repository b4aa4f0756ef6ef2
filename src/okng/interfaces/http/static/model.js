/** The page of one model: what it is worth on the test images of a dataset. */

import { attempt } from "./api.js";
import { listenToButtons } from "./asking_buttons.js";
import { icon, make, the } from "./dom.js";
import { ended, evaluationUrl, knownEvaluation, startEvaluation } from "./evaluating.js";
import { may, pageData, t } from "./page.js";

const model = `${pageData.product}-${pageData.version}`;
const chosen = document.getElementById("dataset");

/** Show the newest report on the chosen dataset; follow an evaluation that runs. */
async function showReport() {
  const dataset = chosen.value;
  const state = the("state");
  let known = await knownEvaluation(model, dataset);
  if (known.state === null) {
    state.replaceChildren(make("p", { class: "soft" }, may("teach") ? t("model.unmeasured") : t("model.unmeasured_yet")));
    showFrame(null);
    return;
  }
  if (known.state === "queued" || known.state === "running") {
    const progress = make("progress", { max: 1, "aria-label": t("model.progress") });
    state.replaceChildren(make("p", {}, t("model.running")), progress);
    known = await ended(model, dataset, (share) => {
      if (share !== null) progress.value = share;
    });
  }
  if (dataset !== chosen.value) return;
  state.replaceChildren();
  if (known.error) {
    state.append(make("p", { class: "note", "data-verdict": "NG" }, icon("verdict-ng"), make("span", {}, known.error)));
  }
  showFrame(known.result === null ? null : evaluationUrl(model, dataset, "/report"));
}

function showFrame(url) {
  the("report").hidden = url === null;
  the("open").hidden = url === null;
  if (url === null) return;
  the("open").href = url;
  the("report").src = url;
}

listenToButtons();
if (chosen !== null) {
  chosen.addEventListener("change", () => attempt(showReport));
  the("evaluate").addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(async () => {
      await startEvaluation(model, chosen.value);
      await showReport();
    });
  });
  void attempt(showReport);
}
