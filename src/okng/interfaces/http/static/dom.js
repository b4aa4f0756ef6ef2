/** Builds pieces of a page; text is always text, never markup. */

const ICONS = new URL("./icons.svg", import.meta.url).href;
const SVG = "http://www.w3.org/2000/svg";

/**
 * Return an element.
 * @param {string} name
 * @param {object} attributes `class`, `data-...`, ...; `onclick` and its like listen; null is left out
 * @param {...(Node|string|number|null|Array)} children
 */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else element.setAttribute(key, value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

/** Return one of the icons of `icons.svg`; the words beside it say what it says. */
export function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${extra}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

/** Return the element of an id; one that is missing is a mistake of the page. */
export function the(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element #${id}`);
  return element;
}

/** Wait until what was changed is on the screen; no longer than a moment where nobody looks. */
export function painted() {
  if (document.hidden) return Promise.resolve();
  return new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); });
}

/** Let the browser save a blob as a file. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
