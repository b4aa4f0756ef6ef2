/** Turns a raw anomaly map into a picture: the same colours and the same curve as okng's overlays. */

import { INFERNO } from "./inferno.js";

const LONGEST_PX = 320;

/**
 * Decode a map as the service sends it.
 * @param {{shape: number[], data: string, low: number, high: number, threshold: number, box: object}} record
 * @returns {{data: Float32Array, width: number, height: number, low: number, high: number, threshold: number, box: object}}
 *   `box` is where it lies, in pixels of the image; `low` and `high` are where heat begins and is
 *   full; what exceeds `threshold` is outlined.
 */
export function decodeMap(record) {
  const bytes = Uint8Array.from(atob(record.data), (char) => char.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const [height, width] = record.shape;
  const data = new Float32Array(width * height);
  for (let i = 0; i < data.length; i += 1) data[i] = view.getFloat32(4 * i, true);
  return { data, width, height, low: record.low, high: record.high, threshold: record.threshold, box: record.box };
}

/**
 * Draw a map into a canvas of its own, clear where there is nothing to see.
 * The raw values are enlarged, then coloured, so that edges stay where they are.
 */
export function heatCanvas(map) {
  const scale = Math.max(1, LONGEST_PX / Math.max(map.width, map.height));
  const width = Math.round(map.width * scale);
  const height = Math.round(map.height * scale);
  const values = enlarge(map, width, height);
  const pixels = new ImageData(width, height);
  const span = Math.max(map.high - map.low, 1e-12);
  for (let i = 0; i < values.length; i += 1) {
    const heat = Math.min(1, Math.max(0, (values[i] - map.low) / span)) || 0;
    const colour = 3 * Math.round(255 * heat);
    pixels.data[4 * i] = INFERNO[colour];
    pixels.data[4 * i + 1] = INFERNO[colour + 1];
    pixels.data[4 * i + 2] = INFERNO[colour + 2];
    // The square root makes faint heat visible soon after it begins.
    pixels.data[4 * i + 3] = Math.round(255 * Math.sqrt(heat));
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

/** Resize a map bilinearly with half-pixel centres; no value is invented. */
export function enlarge(map, width, height) {
  const values = new Float32Array(width * height);
  const columns = Array.from({ length: width }, (_, x) => place(x, map.width / width, map.width));
  for (let y = 0; y < height; y += 1) {
    const row = place(y, map.height / height, map.height);
    const above = row.first * map.width;
    const below = row.second * map.width;
    for (let x = 0; x < width; x += 1) {
      const { first, second, share } = columns[x];
      const top = map.data[above + first] * (1 - share) + map.data[above + second] * share;
      const bottom = map.data[below + first] * (1 - share) + map.data[below + second] * share;
      values[y * width + x] = top * (1 - row.share) + bottom * row.share;
    }
  }
  return values;
}

/**
 * Return the borders of where a map exceeds a threshold, as lines in the image's pixels.
 * Marching squares over the map's own grid, its values at half-pixel centres, nothing beyond it.
 */
export function outlines(map, threshold) {
  const path = new Path2D();
  const toX = map.box.width / map.width;
  const toY = map.box.height / map.height;
  const at = (x, y) => {
    const inside = x >= 0 && y >= 0 && x < map.width && y < map.height;
    return inside ? map.data[y * map.width + x] : -Infinity;
  };
  // Beyond the map's edge there is nothing, so a border that meets it runs along it.
  const cross = (a, b) => (Number.isFinite(a) && Number.isFinite(b) ? (threshold - a) / (b - a) : 0.5);
  for (let y = -1; y < map.height; y += 1) {
    for (let x = -1; x < map.width; x += 1) {
      const [a, b, c, d] = [at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1)];
      const points = [];
      if (a > threshold !== b > threshold) points.push([x + cross(a, b), y]);
      if (b > threshold !== c > threshold) points.push([x + 1, y + cross(b, c)]);
      if (d > threshold !== c > threshold) points.push([x + cross(d, c), y + 1]);
      if (a > threshold !== d > threshold) points.push([x, y + cross(a, d)]);
      for (let i = 0; i + 1 < points.length; i += 2) {
        const [from, to] = [points[i], points[i + 1]];
        path.moveTo(map.box.x + (from[0] + 0.5) * toX, map.box.y + (from[1] + 0.5) * toY);
        path.lineTo(map.box.x + (to[0] + 0.5) * toX, map.box.y + (to[1] + 0.5) * toY);
      }
    }
  }
  return path;
}

function place(index, scale, size) {
  const centre = Math.min(Math.max((index + 0.5) * scale - 0.5, 0), size - 1);
  const first = Math.floor(centre);
  return { first, second: Math.min(first + 1, size - 1), share: centre - first };
}
