/** Plots of uPlot in the colours of the page, which follow the width of their place. */

import uPlot from "./vendor/uplot/uPlot.esm.js";

const drawn = new Map();

/**
 * Draw a plot, in place of what was drawn there before.
 * @param {HTMLElement} place
 * @param {object} options of uPlot, without a width; `height` is in pixels
 * @param {Array} data as uPlot takes it
 */
export function plot(place, options, data) {
  drawn.get(place)?.destroy();
  place.replaceChildren();
  const chart = new uPlot({ width: place.clientWidth || 600, ...options }, data, place);
  chart.root.querySelector("canvas").setAttribute("aria-hidden", "true"); // words beside it have the numbers
  drawn.set(place, chart);
}

/** Return how an axis looks. */
export function axisLook() {
  const grid = { stroke: colour("--line"), width: 1 };
  return { stroke: colour("--ink-soft"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
}

/** Return a token's colour as a canvas knows it: `light-dark()` is none of its words. */
export function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export const { stepped } = uPlot.paths;

new ResizeObserver(() => {
  for (const [place, chart] of drawn) {
    if (!place.isConnected) {
      chart.destroy();
      drawn.delete(place);
    } else if (place.clientWidth > 0 && place.clientWidth !== chart.width) {
      chart.setSize({ width: place.clientWidth, height: chart.height });
    }
  }
}).observe(document.body);
