/** The bar above a viewer: zoom, heat on and off with its opacity, regions on and off. */

import { icon, make } from "./dom.js";
import { t } from "./page.js";

const ZOOM_STEP = 1.4;

/**
 * Return a toolbar for a viewer; its page has the texts of `viewer`.
 * @param {Viewer} viewer
 * @param {Viewer[]} others which show the same image, and follow it
 */
export function viewerTools(viewer, ...others) {
  const set = (options) => { for (const one of [viewer, ...others]) one.set(options); };
  const heat = button("heat", () => set({ showsHeat: !viewer.showsHeat }), "true");
  const region = button("region", () => set({ showsRegions: !viewer.showsRegions }), "true");
  const opacity = make("input", {
    type: "range", min: 0, max: 100, value: 100 * viewer.opacity, "aria-label": t("viewer.opacity"),
    title: t("viewer.opacity"),
    oninput: () => set({ opacity: opacity.value / 100, showsHeat: true }),
  });
  viewer.addEventListener("change", () => {
    heat.setAttribute("aria-pressed", viewer.showsHeat);
    region.setAttribute("aria-pressed", viewer.showsRegions);
    opacity.value = 100 * viewer.opacity;
  });
  return make("div", { class: "viewer-tools", role: "group", "aria-label": t("viewer.tools") },
    heat, opacity, region,
    make("span", { class: "fill" }),
    zoomButtons(viewer));
}

/** Return the buttons that enlarge, show the whole, and make smaller. */
export function zoomButtons(viewer) {
  return [
    button("minus", () => viewer.zoom(1 / ZOOM_STEP)),
    button("fit", () => viewer.fit()),
    button("plus", () => viewer.zoom(ZOOM_STEP)),
  ];
}

function button(name, act, pressed = null) {
  return make("button", {
    type: "button", class: "plain round", title: t(`viewer.${name}`), "aria-label": t(`viewer.${name}`),
    "aria-pressed": pressed, onclick: act,
  }, icon(name));
}
