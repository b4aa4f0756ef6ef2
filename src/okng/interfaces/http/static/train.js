/** The page before a training: where the model looks, how accurate and how fast it is to be. */

import { ask, attempt, get, API } from "./api.js";
import { DetectorForm } from "./detector_form.js";
import { make, the } from "./dom.js";
import { tell } from "./notices.js";
import { pageData, t } from "./page.js";
import { showTierTimes } from "./tier_times.js";
import { ViewDrawing } from "./view_drawing.js";
import { Viewer } from "./viewer.js";
import { zoomButtons } from "./viewer_tools.js";

const SIDES = ["x", "y", "width", "height"];
const LONGEST_MASK = 700_000; // characters, as the service takes them

const viewer = new Viewer(the("viewer"), t("train.viewer"));
const drawing = new ViewDrawing(viewer);
const form = the("train-form");
const settings = new DetectorForm(the("settings"));

/** Show the dataset's samples; the first is drawn on. */
async function showSamples() {
  const { items } = await get(`/datasets/${pageData.dataset}/samples`);
  if (items.length === 0) return;
  const tiles = items.map((sample) => make("button", {
    type: "button", class: "tile", title: sample.name, "aria-pressed": "false",
    onclick: (event) => attempt(() => show(sample, event.currentTarget)),
  },
  make("img", { src: sample.thumbnail_url, alt: "", loading: "lazy", width: 84, height: 84 }),
  make("span", {}, sample.label === "good" ? t("train.good") : sample.label ?? t("train.unlabelled"))));
  the("samples").querySelector(".tiles").replaceChildren(...tiles);
  the("samples").hidden = false;
  await show(items[0], tiles[0]);
}

async function show(sample, tile) {
  const blob = await get(sample.image_url.slice(API.length), { as: "blob" });
  let image;
  try {
    image = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    tell(t("train.unseen", { name: sample.name }), "REVIEW");
    return;
  }
  const before = viewer.size;
  const same = before !== null && before.width === image.width && before.height === image.height;
  if (before !== null && !same && !drawing.isEmpty) tell(t("train.other_size"), "REVIEW");
  viewer.show(image, same);
  for (const one of document.querySelectorAll(".tile")) one.setAttribute("aria-pressed", one === tile);
}

function chooseTool(name) {
  drawing.choose(name);
  for (const button of document.querySelectorAll("[data-tool]:not(canvas)")) {
    button.setAttribute("aria-pressed", button.dataset.tool === name);
  }
  the("brush-size").hidden = name !== "brush";
  the("hint").textContent = document.querySelector(`button[data-tool="${name}"]`).title;
}

function refresh() {
  the("undo").disabled = !drawing.canUndo;
  the("clear").disabled = drawing.isEmpty;
  for (const side of SIDES) the(`box-${side}`).value = drawing.box === null ? "" : drawing.box[side];
}

/** Take the box out of its fields, once all of them say something. */
function readBox() {
  const values = SIDES.map((side) => the(`box-${side}`).value);
  if (values.every((value) => value === "")) drawing.setBox(null);
  else if (values.every((value) => value !== "") && viewer.size !== null) {
    drawing.setBox(Object.fromEntries(SIDES.map((side, i) => [side, Number(values[i])])));
  }
}

/** Return what is asked of the training, in the words of the service. */
async function options() {
  const chosen = {
    dataset_id: pageData.dataset,
    roi: drawing.box,
    max_overkill: Number(the("overkill").value) / 100,
    confidence: Number(the("confidence").value) / 100,
  };
  const tier = new FormData(form).get("tier");
  if (the("detector").value) {
    chosen.detector = the("detector").value;
    chosen.config = settings.values();
  } else if (tier === "budget") chosen.budget_ms = Number(the("budget").value);
  else chosen.tier = tier;
  if (the("size").value) chosen.size = [Number(the("size").value), Number(the("size").value)];
  if (the("tile").value) chosen.tile = { tile_px: Number(the("tile").value) };
  chosen.prepare = preparation();
  const mask = await drawing.mask();
  if (mask !== null) chosen.mask_png = await base64(mask);
  return chosen;
}

/** Return the chosen steps that all images go through, as in "clahe=2". */
function preparation() {
  return [...the("prepare").querySelectorAll("input[type=checkbox]:checked")].map(({ value }) => {
    const amount = the("prepare").querySelector(`[data-step="${value}"]`);
    return amount === null ? value : `${value}=${amount.value}`;
  });
}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

async function start() {
  const json = await options();
  if (json.mask_png?.length > LONGEST_MASK) {
    tell(t("train.mask_too_fine"), "NG");
    return;
  }
  await ask("POST", `/products/${encodeURIComponent(pageData.product)}/jobs`, { json });
  location.assign(`/products/product?product=${encodeURIComponent(pageData.product)}`);
}

for (const button of document.querySelectorAll("button[data-tool]")) {
  button.addEventListener("click", (event) => {
    chooseTool(button.dataset.tool);
    if (event.detail === 0 && button.dataset.tool !== "look") viewer.canvas.focus(); // by key: to the cross
  });
}
the("clear").after(...zoomButtons(viewer));
the("brush").addEventListener("input", () => { drawing.brushShare = (the("brush").value / 100) ** 2 * 1.2; });
the("undo").addEventListener("click", () => drawing.undo());
the("clear").addEventListener("click", () => drawing.clear());
drawing.addEventListener("change", refresh);
for (const side of SIDES) the(`box-${side}`).addEventListener("change", readBox);
the("budget").addEventListener("focus", () => { form.querySelector("[name=tier][value=budget]").checked = true; });
the("detector").addEventListener("change", () => attempt(async () => {
  const { value } = the("detector");
  the("tiers").disabled = value !== "";
  const card = await settings.show(value);
  if (the("detector").value !== value) return; // another was chosen meanwhile
  the("start").disabled = Boolean(card?.missing);
  the("learns-good").hidden = Boolean(card?.names_defects);
  the("learns-labelled").hidden = !card?.names_defects;
}));
viewer.canvas.addEventListener("keydown", (event) => {
  if (event.key === "Enter") drawing.finish();
  else if (event.key === "Escape") drawing.undo();
  else return;
  event.preventDefault();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  the("start").disabled = true;
  void attempt(start).finally(() => { the("start").disabled = false; });
});
void attempt(showSamples);
void showTierTimes(the("tiers"), the("tiers-said"));
refresh();
