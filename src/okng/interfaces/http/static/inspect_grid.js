/** The images of a batch with their verdicts, sortable. */

import { make, painted } from "./dom.js";
import { thumbnailOf } from "./pictures.js";
import { scoreText, t } from "./page.js";
import { badge } from "./verdicts.js";

const SEVERITY = ["OK", "REVIEW", "NG", "ERROR"];

const VALUES = {
  number: (item) => item.number,
  name: (item) => item.name,
  verdict: (item) => SEVERITY.indexOf(item.inspection?.verdict),
  score: (item) => item.inspection?.score ?? -Infinity,
  regions: (item) => item.inspection?.regions.length ?? -1,
  time: (item) => item.inspection?.timing?.total_ms ?? -1,
};

export class BatchGrid {
  /**
   * @param {HTMLElement} section what holds the table, its headings with `data-sort`
   * @param {HTMLElement} rows the table's body
   * @param {(item: Item) => void} onChosen
   */
  constructor(section, rows, onChosen) {
    this.section = section;
    this.rows = rows;
    this.onChosen = onChosen;
    this.byItem = new Map();
    this.order = { by: "number", down: false };
    this.thumbnails = Promise.resolve();
    rows.addEventListener("keydown", (event) => this.#step(event));
    for (const heading of section.querySelectorAll("[data-sort]")) {
      heading.querySelector("button").addEventListener("click", () => this.sort(heading.dataset.sort));
    }
  }

  /** Add an image. */
  add(item) {
    const row = make("tr", { onclick: () => this.onChosen(item) });
    this.byItem.set(item, row);
    this.#fill(item, row);
    this.rows.append(row);
  }

  /** Show what has become of an image. */
  update(item) {
    const row = this.byItem.get(item);
    if (row === undefined) return;
    this.#fill(item, row);
    if (item.state === "done" || item.state === "failed") this.#picture(item, row);
    if (item.state === "done" && this.order.by !== "number") this.#arrange();
  }

  /** Mark the image that is shown. */
  mark(item) {
    for (const row of this.rows.querySelectorAll("[aria-current]")) row.removeAttribute("aria-current");
    this.byItem.get(item)?.setAttribute("aria-current", "true");
  }

  /** Show how many of each verdict there are. */
  count(items) {
    const counts = SEVERITY.map((verdict) => [
      verdict, items.filter((item) => item.inspection?.verdict === verdict).length,
    ]);
    this.section.querySelector(".counts").replaceChildren(...counts.filter(([, n]) => n > 0).map(
      ([verdict, n]) => make("span", { class: "count" }, badge(verdict), n),
    ));
  }

  /** Sort by a column; a second time the other way round. */
  sort(by) {
    // The worst first is what people look for.
    const first = by === "verdict" || by === "score" || by === "regions" || by === "time";
    this.order = { by, down: this.order.by === by ? !this.order.down : first };
    for (const heading of this.section.querySelectorAll("[data-sort]")) {
      if (heading.dataset.sort !== by) heading.removeAttribute("aria-sort");
      else heading.setAttribute("aria-sort", this.order.down ? "descending" : "ascending");
    }
    this.#arrange();
  }

  /** Forget all. */
  clear() {
    this.byItem.clear();
    this.rows.replaceChildren();
  }

  #picture(item, row) {
    // One after the other, so that a large batch does not fill the memory with decoded images.
    // The verdict comes first: pictures are made when it is on the screen.
    this.thumbnails = this.thumbnails.then(painted).then(async () => {
      const small = this.byItem.has(item) ? await thumbnailOf(item) : null;
      if (small !== null) row.querySelector(".thumbnail").replaceChildren(small);
    });
  }

  /** Up and down go to the row above and below. */
  #step(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const row = event.target.closest("tr");
    const next = event.key === "ArrowDown" ? row?.nextElementSibling : row?.previousElementSibling;
    if (!next) return;
    event.preventDefault();
    next.querySelector("button").focus();
    next.click();
  }

  #arrange() {
    const value = VALUES[this.order.by];
    const sign = this.order.down ? -1 : 1;
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      const order = typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y;
      return sign * order || a.number - b.number;
    };
    const items = [...this.byItem.keys()].sort(compare);
    this.rows.append(...items.map((item) => this.byItem.get(item)));
  }

  #fill(item, row) {
    const one = item.inspection;
    const picture = row.querySelector(".thumbnail") ?? make("span", { class: "thumbnail" });
    const state = one ? badge(one.verdict)
      : make("span", { class: "soft" }, t(`inspect.state.${item.state}`));
    row.replaceChildren(
      make("td", {}, picture),
      make("td", { class: "break" }, make("button", { type: "button", class: "plain link", translate: "no" }, item.name)),
      make("td", {}, state),
      make("td", { class: "number" }, one ? scoreText(one.score) : "–"),
      make("td", { class: "number" }, one ? one.regions.length : "–"),
      make("td", { class: "number" }, one?.timing ? t("inspect.ms", { ms: Math.round(one.timing.total_ms) }) : "–"),
    );
  }
}
