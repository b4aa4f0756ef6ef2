/** Quality over time: control chart, yield, overkill and escapes, defects by frequency. */

import { attempt, get } from "./api.js";
import { drawLines } from "./charts_lines.js";
import { make, the } from "./dom.js";
import { pageData, percentText, t } from "./page.js";

const RANGE = "okng.charts-range";
const BACK_H = { hour: 47, day: 29 * 24, week: 25 * 7 * 24 }; // and what has begun of this period
const HOUR_MS = 3600_000;

const range = the("range");
let shown = null;

async function load() {
  const period = range.value;
  const query = new URLSearchParams({ period });
  const since = new Date(Date.now() - BACK_H[period] * HOUR_MS);
  query.set("since", since.toISOString());
  if (pageData.product) query.set("product", pageData.product);
  shown = await attempt(() => get(`/quality?${query}`));
  if (shown !== undefined) draw(shown);
}

function draw(report) {
  const judged = report.periods.reduce((sum, one) => sum + one.OK + one.REVIEW + one.NG, 0);
  the("charts").hidden = judged === 0;
  the("none").hidden = judged > 0;
  the("figures").replaceChildren(...(judged > 0 ? figures(report, judged) : []));
  if (judged === 0) return;
  const times = report.periods.map((one) => Date.parse(one.start) / 1000);
  const of = (read) => report.periods.map(read);
  const signals = report.periods.filter((one) => one.signal);
  drawLines(the("control"), times, [
    { label: t("charts.upper"), values: of((one) => one.upper), colour: "--ink-soft", dash: true, stepped: true },
    { label: t("charts.centre"), values: of((one) => (one.share === null ? null : report.centre)), colour: "--ok", stepped: true },
    { label: t("charts.lower"), values: of((one) => one.lower), colour: "--ink-soft", dash: true, stepped: true },
    { label: t("charts.not_ok"), values: of((one) => one.share), colour: "--accent", points: true },
    { label: t("charts.signal"), values: of((one) => (one.signal ? one.share : null)), colour: "--ng", marks: true },
  ], range.value);
  the("signals").textContent = t("charts.signals", { count: signals.length });
  drawLines(the("yield"), times, [
    { label: t("charts.yield"), values: of((one) => one.yield), colour: "--ok", points: true },
  ], range.value);
  drawLines(the("rates"), times, [
    { label: t("charts.overkill"), values: of((one) => one.overkill.share), colour: "--review", points: true },
    { label: t("charts.escapes"), values: of((one) => one.escapes.share), colour: "--ng", points: true, dash: true },
  ], range.value);
  pareto(report.defects);
  the("numbers").replaceChildren(...[...report.periods].reverse().map((one) => make("tr", {},
    make("td", {}, new Date(one.start).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: range.value === "hour" ? "short" : undefined })),
    ...["OK", "REVIEW", "NG", "ERROR"].map((verdict) => make("td", { class: "number" }, one[verdict])),
    make("td", { class: "number" }, one.yield === null ? "–" : percentText(one.yield)))));
}

function figures(report, judged) {
  const passed = report.periods.reduce((sum, one) => sum + one.OK, 0) / judged;
  const card = (name, value, note) => make("div", { class: "card figure" },
    make("span", { class: "small soft" }, name), make("strong", {}, value), make("span", { class: "small soft" }, note));
  const rate = (name, share) => card(t(`charts.${name}`), share.share === null ? "–" : percentText(share.share),
    share.of === 0 ? t(`charts.${name}_none`)
      : t(`charts.${name}_what`, { count: share.count, of: share.of, low: percentText(share.low), high: percentText(share.high) }));
  return [
    card(t("charts.yield"), percentText(passed), t("charts.yield_what", { count: judged })),
    card(t("charts.not_ok"), percentText(1 - passed), t("charts.not_ok_what", { count: Math.round((1 - passed) * judged) })),
    rate("overkill", report.overkill),
    rate("escapes", report.escapes),
  ];
}

/** Show defects as bars, the most frequent first, with the share that they make up together. */
function pareto(bars) {
  const place = the("pareto");
  if (bars.length === 0) {
    place.replaceChildren(make("p", { class: "soft" }, t("charts.no_defects")));
    return;
  }
  const most = bars[0].count;
  place.replaceChildren(make("table", { class: "pareto" },
    make("thead", {}, make("tr", {},
      make("th", { scope: "col" }, t("charts.defect")),
      make("th", { scope: "col" }, make("span", { class: "visually-hidden" }, t("charts.bar"))),
      make("th", { scope: "col", class: "number" }, t("charts.count")),
      make("th", { scope: "col", class: "number" }, t("charts.together")))),
    make("tbody", {}, bars.map((bar) => {
      const line = make("div", { class: "pareto-bar" });
      line.style.width = `${(100 * bar.count) / most}%`;
      return make("tr", {},
        make("th", { scope: "row", translate: "no" }, bar.name || t("charts.unnamed")),
        make("td", { class: "pareto-line" }, line),
        make("td", { class: "number" }, bar.count),
        make("td", { class: "number" }, percentText(bar.cumulative, 0)));
    }))));
}

range.value = localStorage.getItem(RANGE) ?? "day";
if (range.value === "") range.value = "day";
range.addEventListener("change", () => {
  localStorage.setItem(RANGE, range.value);
  void load();
});
document.addEventListener("themechange", () => { if (shown) draw(shown); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (shown) draw(shown); });
await load();
