/** Two models side by side on the same images: figures, where they differ, and what each sees. */

import { ask, askPatiently, attempt, get } from "./api.js";
import { icon, make, the } from "./dom.js";
import { ended, evaluationUrl, evaluationsOf, knownEvaluation, startEvaluation } from "./evaluating.js";
import { decodeMap } from "./heatmap.js";
import { may, pageData, percentText, scoreText, t } from "./page.js";
import { badge } from "./verdicts.js";
import { ViewerPair } from "./viewer_pair.js";

const MOST_ROWS = 60;

let pair = null;
let asked = null; // the image that was chosen last

const names = () => [the("first").value, the("second").value];

/** Show the newest evaluations of both models on the chosen images; with `anew` they are made. */
async function compare(anew) {
  const models = names();
  const dataset = the("dataset").value;
  for (const id of ["figures", "pair", "images"]) the(id).hidden = true;
  if (models[0] === models[1]) {
    the("state").replaceChildren(make("p", { class: "soft" }, t("compare.same")));
    return;
  }
  const known = [];
  for (const model of models) {
    const before = await knownEvaluation(model, dataset);
    if ((before.state === null || anew) && may("teach")) await startEvaluation(model, dataset);
    else if (before.state === null) {
      the("state").replaceChildren(make("p", { class: "soft" }, t("compare.unmeasured", { model })));
      return;
    }
    known.push(await followed(model, dataset));
  }
  the("state").replaceChildren();
  const failed = known.find((one) => one.result === null);
  if (failed) {
    the("state").append(make("p", { class: "note", "data-verdict": "NG" }, icon("verdict-ng"), make("span", {}, failed.error)));
    return;
  }
  showFigures(models, known.map((one) => one.result));
  showImages(models, dataset, known.map((one) => one.result));
}

function followed(model, dataset) {
  const progress = make("progress", { max: 1, "aria-label": t("compare.progress") });
  the("state").replaceChildren(make("p", {}, t("compare.measuring", { model })), progress);
  return ended(model, dataset, (share) => {
    if (share !== null) progress.value = share;
  });
}

function showFigures(models, results) {
  const rate = ({ count, total }) => (total === 0 ? "–" : `${count} / ${total} · ${percentText(count / total)}`);
  const rows = [
    ["escapes", (one) => rate(one.escapes), (one) => one.escapes.value, -1],
    ["overkill", (one) => rate(one.overkill), (one) => one.overkill.value, -1],
    ["reviewed", (one) => rate(one.good_reviewed), (one) => one.good_reviewed.value, -1],
    ["auroc", (one) => (one.image_auroc === null ? "–" : percentText(one.image_auroc, 2)), (one) => one.image_auroc, 1],
    ["time", (one) => (one.latency.total ? t("compare.ms", { ms: Number(one.latency.total.p50_ms.toPrecision(3)) }) : "–"), (one) => one.latency.total?.p50_ms, -1],
  ];
  const body = rows.map(([key, text, value, sign]) => {
    const [a, b] = results.map(value);
    const better = a === b || a === null || b === null ? -1 : (a - b) * sign > 0 ? 0 : 1;
    return make("tr", {}, make("th", { scope: "row" }, t(`compare.figure.${key}`)),
      results.map((one, i) => make("td", {}, i === better ? make("strong", { class: "better" }, icon("check"), text(one)) : text(one))));
  });
  const promote = (model) => (may("teach") ? make("button", {
    type: "button", onclick: () => attempt(async () => {
      await ask("PUT", `/products/${encodeURIComponent(pageData.product)}/aliases/champion`, { json: { model } });
      location.assign(`/products/product?product=${encodeURIComponent(pageData.product)}`);
    }),
  }, icon("champion"), t("compare.promote")) : null);
  const table = make("table", {},
    make("thead", {}, make("tr", {}, make("td", {}), models.map((model) => make("th", { scope: "col" }, model)))),
    make("tbody", {}, body, make("tr", {}, make("td", {}), models.map((model) => make("td", {}, promote(model))))));
  the("figures").replaceChildren(make("h2", {}, t("compare.figures")), make("div", { class: "scroll", tabindex: 0 }, table));
  the("figures").hidden = false;
}

/** List the images that both judged; those where they differ come first. */
function showImages(models, dataset, results) {
  const seconds = new Map(results[1].images.map((image, number) => [image.image, { ...image, number }]));
  const both = results[0].images
    .map((image, number) => ({ first: { ...image, number }, second: seconds.get(image.image) }))
    .filter(({ second }) => second !== undefined);
  const differ = both.filter(({ first, second }) => first.verdict !== second.verdict);
  const same = both.filter(({ first, second }) => first.verdict === second.verdict);
  const shown = [...differ, ...same].slice(0, MOST_ROWS);
  const rows = shown.map(({ first, second }) => make("tr", {},
    make("td", {}, make("button", { type: "button", class: "link pair-name", onclick: () => attempt(() => showPair(models, dataset, first, second)) },
      make("img", { src: evaluationUrl(models[0], dataset, `/images/${first.number}`), alt: "", loading: "lazy", width: 56, height: 56 }),
      make("span", {}, first.image))),
    make("td", {}, first.label === "good" ? t("compare.good") : first.label),
    [first, second].map((one) => make("td", {}, make("span", { class: "row nowrap" }, badge(one.verdict), make("span", { class: "soft small" }, scoreText(one.score)))))));
  the("images").replaceChildren(
    make("h2", {}, t("compare.differ", { count: differ.length, all: both.length })),
    make("div", { class: "scroll", tabindex: 0 }, make("table", {},
      make("thead", {}, make("tr", {}, [t("compare.image"), t("compare.label"), ...models].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, rows))),
    both.length > shown.length ? make("p", { class: "small soft" }, t("compare.more", { count: both.length - shown.length })) : "");
  the("images").hidden = false;
  if (shown.length > 0 && may("inspect")) void attempt(() => showPair(models, dataset, shown[0].first, shown[0].second, false));
}

/** Show one image as each of the two sees it. */
async function showPair(models, dataset, first, second, moves = true) {
  asked = first;
  const path = (one, i) => `${evaluationsOf(models[i])}/${dataset}/images/${one.number}`;
  const [image, maps] = await Promise.all([
    get(`${path(first, 0)}?size=whole`, { as: "blob" }).then((blob) => createImageBitmap(blob)),
    Promise.all([first, second].map((one, i) => (may("inspect") ? askPatiently("GET", `${path(one, i)}/map`) : null))),
  ]);
  if (asked !== first) return;
  const sides = [first, second].map((one, i) => (
    { model: models[i], verdict: one.verdict, score: one.score, image, map: maps[i] && decodeMap(maps[i]) }));
  the("pair").hidden = false;
  pair ??= new ViewerPair(the("pair"), (model) => t("compare.seen_by", { model }));
  pair.show(first.image, sides);
  if (moves) the("pair").scrollIntoView({ block: "nearest" });
}

the("choice").addEventListener("submit", (event) => {
  event.preventDefault();
  void attempt(() => compare(true));
});
for (const id of ["first", "second", "dataset"]) the(id).addEventListener("change", () => attempt(() => compare(false)));
void attempt(() => compare(false));
