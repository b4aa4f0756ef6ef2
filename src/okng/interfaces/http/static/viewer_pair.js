/** One image as two models see it, side by side: what is looked at in one is looked at in the other. */

import { make } from "./dom.js";
import { scoreText, t } from "./page.js";
import { badge } from "./verdicts.js";
import { Viewer } from "./viewer.js";
import { viewerTools } from "./viewer_tools.js";

export class ViewerPair {
  /**
   * @param {HTMLElement} place what it fills
   * @param {(model: string) => string} label what a screen reader says of a model's picture
   */
  constructor(place, label) {
    this.place = place;
    this.label = label;
    this.heading = make("h2", { class: "break", translate: "no" });
    this.sides = [0, 1].map(() => {
      const host = make("div", { class: "viewer" });
      const caption = make("figcaption", { class: "row" });
      return { figure: make("figure", {}, make("div", { class: "pair-picture" }, host), caption), caption, viewer: new Viewer(host, "") };
    });
    this.viewers = this.sides.map((side) => side.viewer);
    link(this.viewers);
    place.replaceChildren(
      this.heading,
      viewerTools(...this.viewers),
      make("div", { class: "pair" }, this.sides.map((side) => side.figure)));
  }

  /**
   * Show an image, whole.
   * @param {string} name of the image
   * @param {Array} sides one for each model: `model`, `verdict`, `score`, `image` (null where it
   *   cannot be shown), and `map`, to be laid over it
   */
  show(name, sides) {
    this.heading.textContent = name;
    for (const [i, { model, verdict, score, image, map }] of sides.entries()) {
      const { viewer, caption } = this.sides[i];
      viewer.canvas.setAttribute("aria-label", this.label(model));
      viewer.show(image);
      if (map) viewer.find([], map);
      caption.replaceChildren(make("strong", { translate: "no" }, model), badge(verdict), make("span", { class: "soft" }, scoreText(score)));
    }
    this.place.hidden = false;
  }
}

/** Let viewers follow each other. */
function link(viewers) {
  let leads = false;
  for (const one of viewers) {
    one.addEventListener("place", () => {
      if (leads) return;
      leads = true;
      for (const other of viewers) if (other !== one) other.follow(one);
      leads = false;
    });
  }
}
