/** Tells people what happened, at the edge of the page, and aloud for those who listen to it. */

import { icon, make, the } from "./dom.js";
import { t } from "./page.js";

const LASTS_MS = 8000;

/**
 * Show a notice.
 * @param {string} text
 * @param {"OK"|"NG"|"REVIEW"|null} kind a verdict's colours: done, gone wrong, take care
 */
export function tell(text, kind = null) {
  const close = make("button", { class: "plain", type: "button", "aria-label": t("shell.close") }, icon("close"));
  const sign = kind === null ? null : icon(`verdict-${kind.toLowerCase()}`);
  const note = make("div", { class: "note", "data-verdict": kind }, sign, make("p", {}, text), close);
  close.addEventListener("click", () => note.remove());
  the("notices").append(note);
  if (kind !== "NG") setTimeout(() => note.remove(), LASTS_MS);
  return note;
}

/** Show what went wrong, in the words of the service. */
export function tellProblem(error) {
  return tell(error.message, "NG");
}
