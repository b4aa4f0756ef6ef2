/** The page Live: the last verdict, the last ten, the shift; told by the service, never asked for. */

import { API, ask, attempt } from "./api.js";
import { icon, make, the } from "./dom.js";
import { tell } from "./notices.js";
import { pageData, percentText, scoreText, t } from "./page.js";

const AGAIN_MS = 5000;
const LOOK_BACK_MS = 20_000;
const TICK_MS = 10_000;
const ORDER = ["OK", "REVIEW", "NG", "ERROR"];

const language = document.documentElement.lang;
const own = pageData.kiosk ? "/kiosk/inspections" : "/inspections";
let ten = []; // newest first
let most = 10;
let chosen = null; // somebody looks back at it
let asked = null; // somebody is asked whether to send it to review
let looking = 0;

function streamUrl() {
  if (pageData.kiosk) return `${API}/kiosk/events`;
  const station = pageData.station === null ? "" : `?${new URLSearchParams({ station: pageData.station })}`;
  return `${API}/products/${encodeURIComponent(pageData.product)}/live${station}`;
}

function listen() {
  const stream = new EventSource(streamUrl());
  stream.addEventListener("open", () => { the("offline").hidden = true; });
  stream.addEventListener("inspection", (event) => take(JSON.parse(event.data)));
  stream.addEventListener("shift", (event) => showShift(JSON.parse(event.data)));
  stream.addEventListener("bye", () => {
    stream.close();
    location.reload(); // whoever may still watch does, everybody else is led to sign in
  });
  stream.addEventListener("error", () => {
    the("offline").hidden = false;
    // A browser tries again by itself, but not after it was refused (too many pages, a restart).
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  });
}

function take(inspection) {
  if (ten.some((one) => one.id === inspection.id)) return;
  ten = [inspection, ...ten].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, most);
  if (chosen === null && asked === null) showLast();
  showTen();
}

function showLast() {
  const shown = asked ?? chosen ?? ten[0];
  if (!shown) return;
  the("live").dataset.verdict = shown.verdict;
  the("live").dataset.back = String(shown !== ten[0]);
  the("last-sign").replaceChildren(icon(`verdict-${shown.verdict.toLowerCase()}`, "huge"));
  the("last-word").textContent = t(`verdict.${shown.verdict}`);
  const said = [clockText(shown.at), shown.part_id,
    shown.score === null ? shown.error : t("live.score", { score: scoreText(shown.score) })];
  the("last-said").textContent = said.filter(Boolean).join(" · ");
  const picture = the("last-picture");
  picture.hidden = !shown.picture;
  if (shown.picture) picture.src = pictureOf(shown);
  picture.alt = t("live.picture", { time: clockText(shown.at) });
  const button = document.getElementById("doubt");
  if (button) {
    button.disabled = shown.doubted === true;
    button.lastChild.textContent = shown.doubted ? t("live.sent") : t("live.wrong");
  }
}

function showTen() {
  the("ten").replaceChildren(...ten.map((one) => make("li", {},
    make("button", {
      type: "button", class: "live-one", "data-verdict": one.verdict, "data-id": one.id,
      "aria-pressed": String(one === chosen), onclick: () => lookBack(one),
      "aria-label": t("live.one", { verdict: t(`verdict.${one.verdict}`), time: clockText(one.at) }),
    },
    one.picture ? make("img", { src: pictureOf(one), alt: "" }) : make("span", { class: "live-blank" }, icon("image", "large")),
    make("span", { class: "live-one-verdict" }, icon(`verdict-${one.verdict.toLowerCase()}`), t(`verdict.${one.verdict}`))))));
}

/** Show an earlier one for a while, or until somebody presses it again. */
function lookBack(one) {
  clearTimeout(looking);
  chosen = chosen === one || one === ten[0] ? null : one;
  if (chosen) {
    looking = setTimeout(() => {
      chosen = null;
      showLast();
      showTen();
    }, LOOK_BACK_MS);
  }
  showLast();
  showTen();
}

function showShift({ begun, counts, shown }) {
  most = shown;
  const judged = counts.OK + counts.REVIEW + counts.NG;
  the("yield").textContent = judged ? percentText(counts.OK / judged) : "–";
  the("since").textContent = t("live.since", { time: clockText(begun) });
  the("counts").replaceChildren(...ORDER.filter((verdict) => verdict !== "ERROR" || counts.ERROR).map((verdict) =>
    make("div", { "data-verdict": verdict },
      make("dt", {}, icon(`verdict-${verdict.toLowerCase()}`), t(`verdict.${verdict}`)),
      make("dd", {}, counts[verdict].toLocaleString(language)))));
}

/** Ask first: meanwhile the next part may have come, and another one would be sent. */
function askWhether() {
  asked = chosen ?? ten[0] ?? null;
  if (asked === null) return;
  the("ask-words").textContent = t("live.ask", { verdict: t(`verdict.${asked.verdict}`), time: clockText(asked.at) });
  the("ask").hidden = false;
  the("doubt").hidden = true;
  showLast();
  the("yes").focus();
}

function asksNoMore() {
  asked = null;
  the("ask").hidden = true;
  the("doubt").hidden = false;
  showLast();
}

async function doubt() {
  const one = asked;
  const done = await attempt(() => ask("POST", `${own}/${one.id}/doubts`));
  if (done === null) {
    one.doubted = true;
    tell(t("live.sent"), "OK");
  }
  asksNoMore();
}

async function makeKiosk(event) {
  event.preventDefault();
  const json = { name: the("kiosk-name").value, product: pageData.product, station: pageData.station };
  if (!await attempt(() => ask("POST", "/kiosks", { json }))) return;
  // Whoever stands at the screen must not go on as the one who made it.
  await attempt(() => ask("DELETE", "/session"));
  location.assign("/kiosk");
}

async function revoke(button) {
  if (await attempt(() => ask("DELETE", `/kiosks/${button.dataset.kiosk}`))) button.closest("tr").remove();
}

function pictureOf(one) {
  return `${API}${own}/${one.id}/thumbnail`;
}

function clockText(iso) {
  return new Date(iso).toLocaleTimeString(language, { timeStyle: "short" });
}

function tick() {
  the("clock").textContent = clockText(new Date().toISOString());
}

document.getElementById("doubt")?.addEventListener("click", askWhether);
document.getElementById("yes")?.addEventListener("click", doubt);
document.getElementById("no")?.addEventListener("click", asksNoMore);
document.getElementById("make-kiosk")?.addEventListener("submit", makeKiosk);
for (const button of document.querySelectorAll("[data-kiosk]")) {
  button.addEventListener("click", () => revoke(button));
}
tick();
setInterval(tick, TICK_MS);
listen();
