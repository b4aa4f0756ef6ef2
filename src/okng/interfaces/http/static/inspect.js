/** The page Inspect: images in by drop, paste, file, sample or camera; verdicts out. */

import { attempt } from "./api.js";
import { Camera } from "./camera.js";
import { the } from "./dom.js";
import { takesImages } from "./image_intake.js";
import { BatchGrid } from "./inspect_grid.js";
import { InspectionQueue } from "./inspect_queue.js";
import { ResultPanel } from "./inspect_result.js";
import { saveOverlays, saveTable } from "./inspect_downloads.js";
import { showSamples } from "./inspect_samples.js";
import { tell } from "./notices.js";
import { pageData, t } from "./page.js";
import { Viewer } from "./viewer.js";
import { viewerTools } from "./viewer_tools.js";

const AT_ONCE = "okng.inspect.at_once";

const stage = the("stage");
const viewer = new Viewer(the("viewer"), t("inspect.viewer"));
the("viewer-bar").append(viewerTools(viewer));

const queue = new InspectionQueue(pageData.product);
const panel = new ResultPanel(the("result"), viewer);
const grid = new BatchGrid(the("batch"), the("rows"), (item) => {
  stage.scrollIntoView({ block: "nearest" });
  void show(item);
});
const start = the("start");
const atOnce = the("at-once");
const camera = new Camera(the("camera"), the("camera-choice"));
let shown = null;

/** Show one image with what is known of it. */
async function show(item) {
  shown = item;
  grid.mark(item);
  stage.classList.add("filled");
  await panel.show(item, () => shown === item);
}

/** Take images in: the first is shown; they are inspected at once, or wait for Start. */
function take(images) {
  const items = queue.add(images);
  if (items.length === 0) return;
  for (const item of items) grid.add(item);
  if (items.length === 1 || shown === null || shown.state === "done") void show(items[0]);
  if (atOnce.checked) void run();
  refresh();
}

/** Inspect what waits; with the camera on and nothing waiting, what it sees now. */
async function begin() {
  if (queue.waiting.length === 0 && camera.on) {
    const image = await attempt(() => camera.take());
    if (image) {
      take([image]);
      if (!atOnce.checked) void run();
    }
    return;
  }
  await run();
}

async function run() {
  refresh();
  await queue.run((item) => {
    grid.update(item);
    if (item === shown) void show(item);
    refresh();
  });
  refresh();
}

function refresh() {
  const waits = queue.waiting.length;
  start.disabled = !pageData.model || (waits === 0 && !camera.on);
  the("start-count").textContent = waits > 1 ? t("inspect.waiting", { count: waits }) : "";
  the("stop").hidden = !(queue.running && queue.items.length > 1);
  const many = queue.items.length > 1;
  the("batch").hidden = !many;
  if (!many) return;
  const done = queue.items.filter((item) => item.state === "done" || item.state === "failed");
  the("progress").max = queue.items.length;
  the("progress").value = done.length;
  the("progress-text").textContent = t("inspect.progress", { done: done.length, all: queue.items.length });
  grid.count(done);
  const ready = done.some((item) => item.inspection);
  the("save-table").disabled = !ready;
  the("save-overlays").disabled = !ready || queue.running;
}

/** Tell whether Enter belongs to what has the focus. */
function typing(target) {
  return target.closest("button, a, input:not([type=range], [type=checkbox]), select, textarea, summary, [role=dialog]");
}

takesImages({
  zone: document.body, stage, input: the("files"), button: the("choose"),
  onImages: take, onRefused: (names) => tell(t("inspect.refused", { names: names.join(", ") }), "REVIEW"),
});
showSamples(the("samples"), pageData.product, (image) => take([image]));

atOnce.checked = localStorage.getItem(AT_ONCE) !== "no";
atOnce.addEventListener("change", () => localStorage.setItem(AT_ONCE, atOnce.checked ? "yes" : "no"));
start.addEventListener("click", () => void begin());
the("stop").addEventListener("click", () => queue.stop());
the("clear").addEventListener("click", () => {
  queue.clear();
  grid.clear();
  panel.clear();
  shown = null;
  stage.classList.remove("filled");
  refresh();
});
the("save-table").addEventListener("click", () => attempt(() => saveTable(queue.items)));
the("save-overlays").addEventListener("click", () => attempt(() => saveOverlays(queue.items, viewer)));
the("use-camera").addEventListener("click", async () => {
  await attempt(() => (camera.on ? camera.stop() : camera.start()));
  stage.classList.toggle("live", camera.on);
  the("use-camera").setAttribute("aria-pressed", camera.on);
  refresh();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.repeat && !typing(event.target) && !start.disabled) {
    event.preventDefault();
    void begin();
  }
  if (event.key.toLowerCase() === "h" && !event.ctrlKey && !event.metaKey && !typing(event.target)) {
    viewer.set({ showsHeat: !viewer.showsHeat });
  }
});
refresh();
