/** A batch's results to take away: a table, and a ZIP file of pictures with what was found. */

import { ask } from "./api.js";
import { save } from "./dom.js";
import { decodeMap } from "./heatmap.js";
import { pictureOf } from "./pictures.js";
import { pageData } from "./page.js";
import { Viewer } from "./viewer.js";
import { downloadZip } from "./vendor/client-zip/index.js";

const QUALITY = 0.92;

/** Save the results as CSV, as the service writes it. */
export async function saveTable(items) {
  save(await table(items), `${fileName()}.csv`);
}

/** Save a picture of every image with heat and outlines, as the viewer is set, with the table. */
export async function saveOverlays(items, viewer) {
  async function* files() {
    yield { name: "inspections.csv", input: await table(items) };
    const drawing = new Viewer(document.createElement("div"), "");
    Object.assign(drawing, { opacity: viewer.opacity, showsHeat: true, showsRegions: true });
    for (const item of judged(items)) {
      const image = await pictureOf(item);
      if (image === null) continue;
      const { inspection } = item;
      drawing.show(image);
      drawing.find(inspection.regions, inspection.map ? decodeMap(inspection.map) : null);
      const blob = await drawing.drawn().convertToBlob({ type: "image/jpeg", quality: QUALITY });
      drawing.clear();
      image.close();
      const number = String(item.number).padStart(3, "0");
      yield { name: `${inspection.verdict}/${number}-${stem(item.name)}.jpg`, input: blob };
    }
  }
  save(await downloadZip(files()).blob(), `${fileName()}.zip`);
}

function judged(items) {
  return items.filter((item) => item.inspection !== null);
}

function table(items) {
  const ids = judged(items).map((item) => item.inspection.id);
  return ask("POST", "/exports/inspections", { json: { ids }, as: "blob" });
}

function stem(name) {
  return name.replace(/\.\w+$/, "").replace(/[\\/:*?"<>|]/g, "_").slice(-100) || "image";
}

function fileName() {
  return `${pageData.product}-${new Date().toISOString().slice(0, 19).replace(/:/g, "-")}`;
}
