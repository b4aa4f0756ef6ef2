/** What every page does: light or dark, the product chooser, menus, and htmx's problems in words. */

import { problemOf, toSignIn } from "./api.js";
import { tell, tellProblem } from "./notices.js";
import { t } from "./page.js";

const YEAR_S = 365 * 86400;

function toggleTheme() {
  const root = document.documentElement;
  const dark = getComputedStyle(root).colorScheme === "dark"
    || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  // The server writes it into the next page, so that none flashes in the other colours.
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `okng_theme=${root.dataset.theme}; Path=/; Max-Age=${YEAR_S}; SameSite=Strict${secure}`;
  document.dispatchEvent(new Event("themechange"));
}

for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  button.addEventListener("click", toggleTheme);
}

for (const form of document.querySelectorAll("[data-submit-on-change]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("htmx:responseError", async (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 401) toSignIn();
  else tellProblem(await problemOf(new Response(xhr.responseText, { status: xhr.status })));
});
document.addEventListener("htmx:sendError", () => tell(t("shell.offline"), "NG"));
