/** Draws shares over time with uPlot, in the colours of the page. */

import { percentText } from "./page.js";
import { axisLook, colour, plot, stepped } from "./plot.js";

const HEIGHT_PX = 240;
const language = document.documentElement.lang || "en";

/**
 * Draw lines, in place of what was drawn there before; the place's width is followed.
 * @param {HTMLElement} place
 * @param {number[]} times seconds since 1970
 * @param {Array} lines `{label, values, colour}`, values between 0 and 1 or null; `dash`, `stepped`,
 *   `points` beside the line, `marks` without a line
 * @param {string} period hour, day or week
 */
export function drawLines(place, times, lines, period) {
  const axis = axisLook();
  const day = new Intl.DateTimeFormat(language, period === "hour"
    ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" });
  const options = {
    height: HEIGHT_PX,
    cursor: { points: { size: 8 }, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { y: { range: (_, low, high) => span(low, high) } },
    axes: [
      { ...axis, values: (_, at) => at.map((one) => day.format(one * 1000)), space: 70 },
      { ...axis, size: 62, values: (_, at) => at.map((one) => percentText(one, digits(at))) },
    ],
    series: [
      { value: (_, one) => (one === null ? "–" : new Date(one * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: period === "hour" ? "short" : undefined })), label: "" },
      ...lines.map((line) => ({
        label: line.label,
        stroke: colour(line.colour),
        width: line.marks ? 0 : 2,
        dash: line.dash ? [6, 5] : undefined,
        spanGaps: false,
        paths: line.stepped ? stepped({ align: 1 }) : undefined,
        points: line.marks
          ? { show: true, size: 13, width: 3, stroke: colour(line.colour), fill: "transparent" }
          : { show: Boolean(line.points), size: 6, fill: colour(line.colour) },
        value: (_, one) => (one === null || one === undefined ? "–" : percentText(one, 2)),
      })),
    ],
  };
  plot(place, options, [times, ...lines.map((line) => line.values)]);
}

function span(low, high) {
  if (low === null || high === null) return [0, 1];
  const room = Math.max((high - low) * 0.12, 0.01);
  return [Math.max(0, low - room), Math.min(1, high + room)];
}

function digits(at) {
  return at.length > 1 && at[1] - at[0] < 0.0099 ? 1 : 0;
}
