/** A dataset as a browser is given it: a ZIP file, a folder, or loose images, which become one ZIP. */

import { Problem } from "./api.js";
import { t } from "./page.js";
import { downloadZip } from "./vendor/client-zip/index.js";

const TAKEN = /\.(jpe?g|png|bmp|tiff?|webp|csv|json|xml|txt)$/i;
const ZIP = /\.zip$/i;

/**
 * Return what was dropped as one file to send.
 * @param {DataTransfer} transfer read before the first await, as it is empty afterwards
 * @returns {Promise<{name: string, blob: Blob}>}
 * @throws {Problem} nothing of it can be a dataset
 */
export async function droppedDataset(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...transfer.files];
  if (files.length === 1 && ZIP.test(files[0].name)) return zipFile(files[0]);
  if (entries.length === 0) return packed(files.map((file) => ({ path: file.name, file })), null);
  const found = [];
  for (const entry of entries) found.push(...await filesBelow(entry));
  const folder = entries.length === 1 && entries[0].isDirectory ? entries[0].name : null;
  return packed(found, folder);
}

/** Return a folder that was chosen in a dialog as one file to send. */
export function chosenFolder(list) {
  const files = [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  return packed(files, files[0]?.path.split("/")[0] ?? null);
}

/** Return a ZIP file as it is. */
export function zipFile(file) {
  return { name: file.name.replace(ZIP, ""), blob: file };
}

/**
 * Put files into a ZIP that stores them as they are: images do not get smaller.
 * The same files give the same bytes, so that an upload that broke off can go on.
 */
async function packed(files, name) {
  const kept = files.filter(({ path }) => TAKEN.test(path) && !path.split("/").some((part) => part.startsWith(".")));
  if (kept.length === 0) throw new Problem(0, "intake", t("intake.nothing"));
  kept.sort((a, b) => (a.path < b.path ? -1 : 1));
  const entries = kept.map(({ path, file }) => ({
    name: path, input: file, lastModified: new Date(file.lastModified),
  }));
  return { name: name ?? t("intake.loose"), blob: await downloadZip(entries).blob() };
}

async function filesBelow(entry) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => { entry.file(done, failed); });
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, failed) => { reader.readEntries(done, failed); });
    if (some.length === 0) return found;
    for (const child of some) found.push(...await filesBelow(child));
  }
}
