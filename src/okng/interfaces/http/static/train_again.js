/** The page Train again: labels become a candidate, which is shown beside the champion. */

import { API, ask, askPatiently, attempt, get } from "./api.js";
import { icon, make, the } from "./dom.js";
import { decodeMap } from "./heatmap.js";
import { tell } from "./notices.js";
import { pageData, scoreText, t } from "./page.js";
import { followTraining } from "./training.js";
import { badge } from "./verdicts.js";
import { ViewerPair } from "./viewer_pair.js";

const product = encodeURIComponent(pageData.product);
const form = the("start");
const button = form.querySelector("button");
const remembered = new URLSearchParams(location.search).get("job");
let told = null;
let candidate = null;
let pair = null;

async function overview() {
  told = await get(`/products/${product}/train-again`);
  const number = told.good + told.defective;
  the("told").textContent = number === 0 ? t("again.nothing")
    : t("again.told", { good: told.good, defective: told.defective });
  button.disabled = number === 0;
}

async function follow(id) {
  button.disabled = true;
  const job = await followTraining(the("job"), id);
  button.disabled = false;
  if (job.state !== "done") return;
  candidate = job.model;
  the("job").replaceChildren(make("p", { class: "note", "data-verdict": "OK" }, icon("verdict-ok"), t("again.trained", { model: candidate })));
  await ask("PUT", `/products/${product}/aliases/candidate`, { json: { model: candidate } });
  await compare();
}

/** Let both models judge the same images, and count who is right. */
async function compare() {
  const models = [pageData.champion, candidate];
  const right = [0, 0];
  const rows = the("rows");
  the("comparison").hidden = false;
  the("compared").hidden = false;
  the("candidate-name").textContent = candidate;
  the("promote").querySelector("span").textContent = t("again.promote", { model: candidate });
  rows.replaceChildren();
  for (const [number, one] of told.compared.entries()) {
    const judged = await Promise.all(models.map((model) => askPatiently("GET", `/inspections/${one.id}/again?model=${encodeURIComponent(model)}`)));
    judged.forEach((by, i) => { right[i] += isRight(one.reviewed, by.verdict) ? 1 : 0; });
    rows.append(row(one, judged));
    if (pair === null) void attempt(() => look(one, judged));
    the("compared").value = (number + 1) / told.compared.length;
    count(models, right, number + 1);
  }
  if (told.compared.length === 0) rows.append(make("tr", {}, make("td", { colspan: 4, class: "soft" }, t("again.none"))));
  the("compared").hidden = true;
  the("promote").disabled = false;
}

/** REVIEW asks a person, so that it lets no defect escape; but it does not pass a good part. */
function isRight(said, verdict) {
  return said === "OK" ? verdict === "OK" : verdict !== "OK";
}

function count(models, right, number) {
  the("right").replaceChildren(...models.map((model, i) => make("div", { class: "figure" },
    make("span", { class: "small soft", translate: "no" }, model),
    make("strong", {}, t("again.right", { right: right[i], of: number })))));
}

/** Show what each of the two finds in an image. */
async function look(one, judged) {
  const [image, maps] = await Promise.all([
    get(`/inspections/${one.id}/image?format=png`, { as: "blob" }).then((blob) => createImageBitmap(blob)),
    Promise.all(judged.map((by) => askPatiently("GET", `/inspections/${one.id}/map?model=${encodeURIComponent(by.model)}`))),
  ]);
  the("pair").hidden = false;
  pair ??= new ViewerPair(the("pair"), (model) => t("again.seen_by", { model }));
  pair.show(one.image || one.id, judged.map((by, i) => ({ ...by, image, map: decodeMap(maps[i]) })));
}

function row(one, judged) {
  const cell = (by) => make("td", {}, make("span", { class: "row nowrap" }, badge(by.verdict), scoreText(by.score),
    isRight(one.reviewed, by.verdict) ? null : make("strong", { class: "wrong" }, t("again.wrong"))));
  return make("tr", {},
    make("td", { class: "picture" }, make("button", {
      type: "button", class: "thumbnail small-picture", "aria-label": t("again.look", { image: one.image || one.id }),
      onclick: () => attempt(async () => {
        await look(one, judged);
        the("pair").scrollIntoView({ block: "nearest" });
      }),
    }, make("img", { src: `${API}/inspections/${one.id}/thumbnail`, alt: "", loading: "lazy" }))),
    make("td", {}, make("span", { class: "row nowrap" }, badge(one.reviewed), make("span", { translate: "no" }, one.defect ?? ""))),
    ...judged.map(cell));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void attempt(async () => {
    button.disabled = true;
    try {
      const json = { dataset_id: form.elements.dataset_id.value };
      const job = await ask("POST", `/products/${product}/train-again`, { json });
      // Whoever comes back to this address finds the training again.
      history.replaceState(null, "", `/review/train?product=${product}&job=${job.id}`);
      await follow(job.id);
    } finally {
      button.disabled = false;
    }
  });
});
the("promote").addEventListener("click", () => attempt(async () => {
  await ask("PUT", `/products/${product}/aliases/champion`, { json: { model: candidate } });
  the("promote").disabled = true;
  tell(t("again.promoted", { model: candidate }), "OK");
}));
await attempt(overview);
if (remembered !== null && told !== null) await attempt(() => follow(remembered));
