/** Images as a browser can show them. */

const SMALL_PX = 112;

/**
 * Return the picture of an item, turned upright as the service turns it; null where the browser
 * cannot show this kind (TIFF) and the service has not sent one.
 */
export async function pictureOf(item) {
  for (const blob of [item.blob, item.inspection?.picture && fromBase64(item.inspection.picture)]) {
    if (!blob) continue;
    try {
      return await createImageBitmap(blob, { imageOrientation: "from-image" });
    } catch { /* not a kind that this browser knows */ }
  }
  return null;
}

/** Tell whether an image is of a kind that browsers do not show, so that the service must. */
export function isForeign({ name, blob }) {
  return /^image\/tiff/.test(blob.type) || /\.tiff?$/i.test(name);
}

/** Return a small canvas of an item's picture; null where the browser cannot show it. */
export async function thumbnailOf(item) {
  const image = await pictureOf(item);
  if (image === null) return null;
  const scale = Math.min(1, SMALL_PX / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  return canvas;
}

function fromBase64(text) {
  return new Blob([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))]);
}
