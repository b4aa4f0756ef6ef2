/** Lets people give images: dropped (files and folders), pasted, or chosen. */

const SUFFIXES = /\.(jpe?g|png|bmp|tiff?|webp)$/i;

/**
 * Listen for images.
 * @param {object} where
 * @param {HTMLElement} where.zone where they may be dropped
 * @param {HTMLElement} where.stage what shows that they may
 * @param {HTMLInputElement} where.input of files
 * @param {HTMLElement} where.button that opens it
 * @param {(images: {name: string, blob: Blob}[]) => void} where.onImages
 * @param {(names: string[]) => void} where.onRefused what is no image
 */
export function takesImages({ zone, stage, input, button, onImages, onRefused }) {
  const take = (files) => {
    const images = files.filter(isImage);
    const refused = files.filter((file) => !isImage(file)).map((file) => file.name);
    if (refused.length > 0) onRefused(refused.slice(0, 5));
    if (images.length > 0) onImages(images.map((file) => ({ name: file.name, blob: file })));
  };

  let depth = 0;
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  zone.addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth += 1;
    stage.classList.add("hovered");
  });
  zone.addEventListener("dragover", (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  zone.addEventListener("dragleave", (event) => {
    if (!holdsFiles(event)) return;
    depth -= 1;
    if (depth <= 0) stage.classList.remove("hovered");
  });
  zone.addEventListener("drop", async (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    stage.classList.remove("hovered");
    take(await filesOf(event.dataTransfer));
  });

  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    take(files);
  });
}

function isImage(file) {
  return file.type.startsWith("image/") || SUFFIXES.test(file.name);
}

/** Return what was dropped, folders opened, in the order of names. */
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries) found.push(...await filesBelow(entry));
  return found;
}

async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => { entry.file(done, failed); })];
  const reader = entry.createReader();
  const children = [];
  for (;;) {
    const some = await new Promise((done, failed) => { reader.readEntries(done, failed); });
    if (some.length === 0) break;
    children.push(...some);
  }
  children.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const found = [];
  for (const child of children) {
    if (!child.name.startsWith(".")) found.push(...await filesBelow(child));
  }
  return found;
}
