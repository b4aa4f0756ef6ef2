/** Buttons that ask the service for one thing: `data-ask` is the method, `data-path` where. */

import { ask, attempt } from "./api.js";

/**
 * Listen to all such buttons of the page. `data-json` is what is sent, `data-then` where it leads;
 * without, the page is loaded anew.
 */
export function listenToButtons() {
  for (const button of document.querySelectorAll("button[data-ask]")) {
    button.addEventListener("click", () => attempt(async () => {
      const { ask: method, path, json, then } = button.dataset;
      button.disabled = true;
      try {
        await ask(method, path, json ? { json: JSON.parse(json) } : {});
      } finally {
        button.disabled = false;
      }
      if (then) location.assign(then);
      else location.reload();
    }));
  }
}
