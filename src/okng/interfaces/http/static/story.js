/** One inspection's page: its picture with heat and places, what it promises, and what was said. */

import { ask, attempt, get } from "./api.js";
import { classShares } from "./class_shares.js";
import { make, the } from "./dom.js";
import { decodeMap } from "./heatmap.js";
import { pageData, percentText, scoreText, t, timeText } from "./page.js";
import { promiseText } from "./promises.js";
import { regionList } from "./region_list.js";
import { banner, scoreScale } from "./verdicts.js";
import { Viewer } from "./viewer.js";
import { viewerTools } from "./viewer_tools.js";

const one = pageData.inspection;
const viewer = new Viewer(the("viewer"), t("story.viewer"));
the("viewer-bar").append(viewerTools(viewer));

for (const time of document.querySelectorAll("time[data-time]")) time.textContent = timeText(time.dateTime);

function said() {
  if (one.score === null) {
    return [banner(one.verdict), make("p", { class: "note", "data-verdict": "ERROR" }, one.error ?? "")];
  }
  return [
    banner(one.verdict),
    make("div", { class: "score-line" },
      make("span", {}, t("inspect.score")), make("strong", {}, scoreText(one.score))),
    scoreScale(one),
    make("p", { class: "small" }, t("inspect.p_value", { share: percentText(one.p_value) })),
    classShares(one),
    regionList(one, viewer),
  ].filter((piece) => piece !== null);
}

async function showPicture() {
  let picture = null;
  for (const url of [one.image_url, one.thumbnail_url]) {
    if (picture !== null || url === null) continue;
    try {
      picture = await createImageBitmap(await (await fetch(url)).blob(), { imageOrientation: "from-image" });
    } catch { /* of a kind that browsers do not know; the other may do */ }
  }
  the("no-picture").hidden = picture !== null;
  if (picture === null) return;
  viewer.show(picture);
  if (picture.width !== one.image_width) return; // a thumbnail: places are those of the whole image
  viewer.find(one.regions);
  if (one.image_url === null || one.score === null) return;
  const map = await get(`/inspections/${one.id}/map`).then(decodeMap, () => null); // its model may be gone
  if (map !== null) viewer.find(one.regions, map);
}

/** Lay a reviewer's mark over the picture, or take it away again. */
async function toggleMask(button) {
  const before = viewer.layers.length;
  viewer.layers.length = 0;
  for (const other of document.querySelectorAll("[data-mask]")) other.setAttribute("aria-pressed", other === button && before === 0);
  if (before === 0) {
    const mask = await createImageBitmap(await (await fetch(button.dataset.mask)).blob());
    const canvas = new OffscreenCanvas(mask.width, mask.height);
    const context = canvas.getContext("2d");
    context.drawImage(mask, 0, 0);
    const pixels = context.getImageData(0, 0, mask.width, mask.height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      pixels.data.set([86, 180, 233, pixels.data[i] ? 140 : 0], i);
    }
    context.putImageData(pixels, 0, 0);
    viewer.layers.push({ draw: (target) => target.drawImage(canvas, 0, 0) });
  }
  viewer.redraw();
}

the("said").replaceChildren(...said());
if (pageData.promises !== null) {
  const texts = pageData.promises.map((promise) => make("p", {}, promiseText(promise)));
  the("promises").replaceChildren(...(texts.length > 0 ? texts : [make("p", {}, t("promise.none"))]));
}
for (const button of document.querySelectorAll("[data-mask]")) {
  button.addEventListener("click", () => void toggleMask(button));
}
const form = document.getElementById("say");
if (form !== null) {
  document.getElementById("defects").append(...pageData.defects.map((name) => make("option", { value: name })));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const verdict = event.submitter?.value ?? "NG";
    const defect = verdict === "NG" ? form.elements.defect.value.trim() || null : null;
    void attempt(async () => {
      await ask("POST", `/inspections/${one.id}/reviews`, { json: { verdict, defect } });
      location.reload();
    });
  });
}
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=range]), select, textarea");
  if (event.key.toLowerCase() === "h" && !event.ctrlKey && !event.metaKey && !typing) {
    viewer.set({ showsHeat: !viewer.showsHeat });
  }
});
await attempt(showPicture);
