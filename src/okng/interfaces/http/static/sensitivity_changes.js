/** Thumbnails of the parts whose verdict would change. */

import { icon, make } from "./dom.js";
import { VERDICTS } from "./known_scores.js";
import { scoreText, t } from "./page.js";
import { badge } from "./verdicts.js";

const SHOWN = 12;

export class Changes {
  /**
   * @param {HTMLElement} place
   * @param {HTMLElement} none what is said where nothing changes
   */
  constructor(place, none) {
    this.place = place;
    this.none = none;
    this.tiles = new Map();
    this.groups = {
      softer: this.#group(),
      harder: this.#group(),
    };
  }

  /** Show what changes from `inUse` to `now`. */
  show(known, now, inUse) {
    const changed = known.changed(inUse, now);
    const moved = now.review !== inUse.review || now.ng !== inUse.ng;
    this.none.textContent = moved ? t("sensitivity.no_changes") : t("sensitivity.unchanged");
    this.none.hidden = changed.length > 0;
    const isHarder = (one) => VERDICTS.indexOf(one.after) > VERDICTS.indexOf(one.before);
    this.#fill(this.groups.softer, changed.filter((one) => !isHarder(one)), "softer");
    this.#fill(this.groups.harder, changed.filter(isHarder), "harder");
  }

  #group() {
    const head = make("h3", {});
    const tiles = make("div", { class: "change-tiles" });
    const rest = make("p", { class: "small soft" });
    const element = make("div", { class: "change-group", hidden: true }, head, tiles, rest);
    this.place.append(element);
    return { element, head, tiles, rest };
  }

  /** Show the parts that are called wrong first: defective ones let through, good ones stopped. */
  #fill(group, changed, key) {
    group.element.hidden = changed.length === 0;
    if (changed.length === 0) return;
    const wrong = (one) => (key === "softer" ? !one.item.good : one.item.good);
    const pictured = changed.filter((one) => one.item.thumbnail_url);
    const first = pictured.sort((a, b) => wrong(b) - wrong(a) || b.item.score - a.item.score).slice(0, SHOWN);
    group.head.textContent = key === "softer"
      ? t("sensitivity.softer", { count: changed.length }) : t("sensitivity.harder", { count: changed.length });
    const tiles = first.map((one) => this.#tile(one));
    const same = tiles.length === group.tiles.children.length
      && tiles.every((tile, i) => tile === group.tiles.children[i]);
    if (!same) group.tiles.replaceChildren(...tiles);
    const said = [];
    const bare = changed.length - pictured.length;
    if (pictured.length > SHOWN) said.push(t("sensitivity.more", { count: pictured.length - SHOWN }));
    if (bare) said.push(t("sensitivity.without_picture", { count: bare }));
    group.rest.textContent = said.join(" · ");
  }

  /** Return the tile of a change; made once, so that its picture stays while lines move. */
  #tile({ item, before, after }) {
    const key = `${item.thumbnail_url} ${before} ${after}`;
    let tile = this.tiles.get(key);
    if (tile === undefined) {
      const truth = item.good ? t("sensitivity.good") : item.label ?? t("sensitivity.defective");
      const said = t("sensitivity.picture_said", { name: item.name ?? "", truth, score: scoreText(item.score), before, after });
      tile = make("figure", { class: "change-tile", "data-truth": item.good ? "good" : "defective" },
        make("img", { src: item.thumbnail_url, alt: said, width: "104", height: "104", decoding: "async" }),
        make("figcaption", {},
          make("span", { class: "change-truth" }, truth),
          make("span", { class: "change-verdicts" },
            make("span", { class: "change-before", "data-verdict": before }, icon(`verdict-${before.toLowerCase()}`)),
            icon("arrow"), badge(after))));
      tile.title = said;
      this.tiles.set(key, tile);
    }
    return tile;
  }
}
