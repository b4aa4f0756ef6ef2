/** Asks the service: `/api/v1` with this session's CSRF token; what is refused becomes a Problem. */

import { pageData, t } from "./page.js";
import { tell } from "./notices.js";

export const API = "/api/v1";

const LONGEST_WAIT_S = 30;
const MOST_TRIES = 5;

/** What the service refused (RFC 9457): `code` is stable, `message` says what to do. */
export class Problem extends Error {
  constructor(status, code, message, errors = []) {
    super(message);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

/**
 * Ask the service; return the response's JSON, null of an empty one.
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {object} options `json` or `body`, `headers`, `signal`; `as`: "json", "blob" or "response"
 * @throws {Problem} what was refused, or that nobody answers
 */
export async function ask(method, path, { json, body, headers = {}, signal, as = "json" } = {}) {
  const sent = { ...headers };
  if (method !== "GET" && pageData.csrf) sent["X-CSRF-Token"] = pageData.csrf;
  if (json !== undefined) sent["Content-Type"] = "application/json";
  const content = json === undefined ? body : JSON.stringify(json);
  let response;
  try {
    response = await fetch(API + path, { method, headers: sent, body: content, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "offline", t("shell.offline"));
  }
  if (!response.ok) throw await problemOf(response);
  if (as === "response") return response;
  if (as === "blob") return response.blob();
  return response.status === 204 ? null : response.json();
}

/** Ask for something to read. */
export function get(path, options = {}) {
  return ask("GET", path, options);
}

/**
 * Ask as `ask` does, and again while the service is too busy; for what may be repeated, as
 * inspections with an Idempotency-Key may.
 */
export async function askPatiently(method, path, options = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask(method, path, options);
    } catch (error) {
      if (error.code !== "too-many-requests" || tries === MOST_TRIES) throw error;
      const seconds = Math.min(error.retryAfter || tries, LONGEST_WAIT_S);
      await new Promise((done) => { setTimeout(done, 1000 * seconds); });
    }
  }
}

/** Return the problem that a response tells of; whoever is not signed in is led to do so. */
export async function problemOf(response) {
  let said = {};
  try {
    said = await response.json();
  } catch { /* no JSON: a proxy's answer, or none at all */ }
  const message = sentence(said.detail ?? t("problem.error"));
  const problem = new Problem(response.status, said.code ?? "error", message, said.errors);
  problem.retryAfter = Number(response.headers.get("Retry-After")) || 0;
  if (response.status === 401) toSignIn();
  return problem;
}

/** Lead to the sign-in page, and from there back here. */
export function toSignIn() {
  const here = location.pathname + location.search;
  location.assign(`/login?next=${encodeURIComponent(here)}`);
}

/** Do something and tell what went wrong, if anything; return undefined then. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    if (!(error instanceof Problem)) throw error;
    tell(error.message, "NG");
    return undefined;
  }
}

function sentence(text) {
  const end = /[.!?]$/.test(text) ? "" : ".";
  return text.charAt(0).toUpperCase() + text.slice(1) + end;
}
