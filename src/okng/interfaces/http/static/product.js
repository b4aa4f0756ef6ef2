/** The page of one product: images come in, trainings are followed, models are chosen. */

import { ask, attempt, get, Problem } from "./api.js";
import { listenToButtons } from "./asking_buttons.js";
import { icon, make, the } from "./dom.js";
import { chosenFolder, droppedDataset, zipFile } from "./folder_intake.js";
import { may, pageData, percentText, t } from "./page.js";
import { ResumingUpload } from "./resuming_upload.js";
import { followTraining, LogReader } from "./training.js";

const { product } = pageData;
const taken = new Set(pageData.dataset_names);

/** Return a name that no dataset of the product has. */
function freeName(wanted) {
  const base = wanted.trim().slice(0, 90) || t("intake.loose");
  let name = base;
  for (let number = 2; taken.has(name); number += 1) name = `${base} ${number}`;
  return name;
}

/** Take a dataset in: pack it where it is a folder, send it, and show the page with it. */
async function takeIn(prepare) {
  const said = make("span", { class: "fill" }, t("intake.packing"));
  const progress = make("progress", { max: 1, "aria-label": t("intake.progress") });
  const stop = make("button", { type: "button", class: "plain round", "aria-label": t("intake.stop"), title: t("intake.stop") }, icon("close"));
  const row = make("div", { class: "upload" }, make("div", { class: "row nowrap" }, said, stop), progress);
  the("uploads").append(row);
  let upload = null;
  stop.addEventListener("click", () => attempt(async () => {
    row.remove();
    await upload?.stop();
  }));
  const received = await attempt(async () => {
    const { name, blob } = await packed(prepare);
    if (!row.isConnected) return undefined;
    const free = freeName(name);
    upload = new ResumingUpload(product, free, blob, pageData.part_bytes);
    return upload.run((share) => {
      progress.value = share;
      said.textContent = share < 1
        ? t("intake.sending", { name: free, share: percentText(share, 0) }) : t("intake.unpacking", { name: free });
      if (share === 1) progress.removeAttribute("value");
    });
  });
  row.remove();
  if (received) location.reload();
}

/** Have a dataset packed; what the browser cannot read is told in words. */
async function packed(prepare) {
  try {
    return await prepare();
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(0, "intake", t("intake.unreadable"));
  }
}

function listenToIntake() {
  const drop = the("drop");
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const shown = (by) => {
    depth = Math.max(0, depth + by);
    drop.classList.toggle("hovered", depth > 0);
  };
  document.body.addEventListener("dragenter", (event) => { if (holdsFiles(event)) { event.preventDefault(); shown(1); } });
  document.body.addEventListener("dragover", (event) => { if (holdsFiles(event)) event.preventDefault(); });
  document.body.addEventListener("dragleave", (event) => { if (holdsFiles(event)) shown(-1); });
  document.body.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    shown(-depth);
    const dataset = droppedDataset(event.dataTransfer); // at once: later the transfer is empty
    void takeIn(() => dataset);
  });
  for (const [button, input, read] of [
    ["choose-zip", "zip", (files) => zipFile(files[0])], ["choose-folder", "folder", chosenFolder],
  ]) {
    the(button).addEventListener("click", () => the(input).click());
    the(input).addEventListener("change", () => {
      const files = [...the(input).files];
      the(input).value = "";
      if (files.length > 0) void takeIn(async () => read(files));
    });
  }
  document.getElementById("folder-form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const folder = the("folder-path").value.trim();
    void attempt(async () => {
      const name = freeName(folder.split(/[\\/]/).filter(Boolean).at(-1) ?? "");
      await ask("POST", `/products/${encodeURIComponent(product)}/datasets/folder`, { json: { name, folder } });
      location.reload();
    });
  });
}

/** Show uploads of this product that broke off, and how they go on. */
async function showBrokenOff() {
  const { items } = await get("/uploads");
  const open = items.filter((one) => one.state === "open" && one.product === product);
  the("uploads").append(...open.map((one) => {
    const row = make("div", { class: "note", "data-verdict": "REVIEW" }, icon("verdict-review"),
      make("span", { class: "fill" }, t("intake.broken_off", { name: one.name, share: percentText(one.received / one.size, 0) })),
      make("button", {
        type: "button", class: "plain", onclick: () => attempt(async () => {
          await ask("DELETE", `/uploads/${one.id}`);
          row.remove();
        }),
      }, t("intake.forget")));
    return row;
  }));
}

for (const row of document.querySelectorAll("#jobs [data-job]")) {
  const log = new LogReader(row.dataset.job, row.querySelector(".log"));
  row.querySelector("details").addEventListener("toggle", (event) => {
    if (event.target.open) void attempt(() => log.read());
  });
}
listenToButtons();
if (may("teach")) {
  listenToIntake();
  void attempt(showBrokenOff);
}
if (pageData.job) {
  document.querySelector(`#jobs [data-job="${pageData.job}"]`)?.remove();
  void attempt(async () => {
    await followTraining(the("training"), pageData.job);
    location.reload();
  });
}
