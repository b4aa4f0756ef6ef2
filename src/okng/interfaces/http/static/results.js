/** The page Results: inspections that fit what is asked for, page by page, each with its story. */

import { attempt, API, get } from "./api.js";
import { make, the } from "./dom.js";
import { pageData, scoreText, t, timeText } from "./page.js";
import { badge } from "./verdicts.js";

const PAGE = 50;
const TIMES = ["since", "until"];

const form = the("filters");
let cursor = null;
let asked = "";
let generation = 0;

/** Return the question as the service takes it; times are the reader's own. */
function question() {
  const query = new URLSearchParams();
  if (pageData.product) query.set("product", pageData.product);
  for (const [name, value] of new FormData(form)) {
    const text = value.trim();
    if (text === "") continue;
    query.set(name, TIMES.includes(name) ? new Date(text).toISOString() : text);
  }
  return query;
}

/** Begin a new list. */
async function find() {
  generation += 1;
  const mine = generation;
  const query = question();
  const kept = new URLSearchParams(query);
  // The address is to be shared: whoever opens it sees the same list.
  for (const [name, value] of new FormData(form)) if (value && TIMES.includes(name)) kept.set(name, value);
  history.replaceState(null, "", `${location.pathname}?${kept}`);
  const wanted = new URLSearchParams(query);
  wanted.delete("order");
  the("csv").href = `${API}/exports/inspections?${wanted}`;
  asked = query.toString();
  cursor = null;
  the("table").setAttribute("aria-busy", "true");
  const rows = await fetchRows();
  if (mine !== generation || rows === undefined) return;
  the("rows").replaceChildren(...rows);
  shown();
}

async function more() {
  const mine = generation;
  the("more").disabled = true;
  const rows = await fetchRows();
  the("more").disabled = false;
  if (mine !== generation || rows === undefined) return;
  the("rows").append(...rows);
  shown();
}

function fetchRows() {
  const query = new URLSearchParams(asked);
  query.set("limit", PAGE);
  if (cursor !== null) query.set("cursor", cursor);
  return attempt(async () => {
    const page = await get(`/inspections?${query}`);
    cursor = page.cursor;
    return page.items.map(row);
  });
}

function shown() {
  const number = the("rows").childElementCount;
  the("table").removeAttribute("aria-busy");
  the("table").hidden = number === 0;
  the("none").hidden = number > 0;
  the("more").hidden = cursor === null;
  the("count").textContent = cursor === null
    ? t("results.all", { count: number }) : t("results.first", { count: number });
}

function row(one) {
  const path = `/results/${one.id}`;
  const pictured = one.image_url ?? one.thumbnail_url;
  const picture = pictured
    ? make("img", { src: `${API}/inspections/${one.id}/thumbnail`, alt: "", loading: "lazy", width: 48, height: 48 })
    : null;
  const said = one.reviewed === null ? make("span", { class: "soft" }, "–")
    : make("span", { class: "row nowrap" }, badge(one.reviewed), make("span", { class: "small", translate: "no" }, one.defect ?? ""));
  const line = make("tr", { onclick: (event) => { if (!event.target.closest("a")) location.assign(path); } },
    make("td", { class: "picture" }, make("span", { class: "thumbnail small-picture" }, picture)),
    make("td", {}, make("a", { href: path, class: "verdict-link", "aria-label": t("results.open", { verdict: t(`verdict.${one.verdict}`), time: timeText(one.at) }) }, badge(one.verdict))),
    make("td", { class: "number" }, scoreText(one.score)),
    make("td", { class: "when" }, timeText(one.at)),
    make("td", { translate: "no" }, one.product),
    make("td", { translate: "no" }, [one.station, one.camera].filter(Boolean).join(" · ")),
    make("td", { class: "break", translate: "no" }, [one.part_id, one.lot].filter(Boolean).join(" · ") || one.image),
    make("td", {}, said));
  return line;
}

/** Let the form show what the address asks for. */
function fill() {
  for (const [name, value] of new URLSearchParams(location.search)) {
    const field = form.elements.namedItem(name);
    if (field) field.value = value;
  }
}

form.addEventListener("submit", (event) => { event.preventDefault(); void find(); });
form.addEventListener("change", () => void find());
form.addEventListener("reset", () => setTimeout(find));
the("more").addEventListener("click", more);
// Reaching the end by scrolling fetches on; the button is there for the keyboard.
new IntersectionObserver((seen) => {
  if (seen[0].isIntersecting && !the("more").hidden && !the("more").disabled) void more();
}, { rootMargin: "400px" }).observe(the("more"));
fill();
await find();
