/** The page of all products: add one, restore one. */

import { ask, attempt } from "./api.js";
import { listenToButtons } from "./asking_buttons.js";
import { the } from "./dom.js";
import { t } from "./page.js";

const LONGEST = 64;

const form = the("add-form");
const title = the("new-title");
const said = the("new-name");
const add = document.getElementById("add");

/** Return the name for addresses and files that a title suggests; empty where none can be made. */
export function nameOf(text) {
  return text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/ß/g, "ss").toLowerCase()
    .replace(/[^a-z0-9_.]+/g, "-").replace(/^[^a-z0-9]+/, "").slice(0, LONGEST).replace(/[-.]+$/, "");
}

add?.addEventListener("click", () => {
  form.hidden = !form.hidden;
  if (!form.hidden) title.focus();
});
title.addEventListener("input", () => {
  const name = nameOf(title.value);
  if (title.value.trim() === "") said.textContent = t("products.what");
  else said.textContent = name === "" ? t("products.no_name") : t("products.called", { name });
  title.setCustomValidity(name === "" && title.value !== "" ? t("products.no_name") : "");
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void attempt(async () => {
    const name = nameOf(title.value);
    await ask("POST", "/products", { json: { name, title: title.value.trim() } });
    location.assign(`/products/product?product=${encodeURIComponent(name)}`);
  });
});
listenToButtons();
