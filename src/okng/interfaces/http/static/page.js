/** What the server told this page's modules, and texts out of the catalogue. */

/** `csrf`, `rights`, `product`, `texts`, and whatever the page's route added. */
export const pageData = JSON.parse(document.getElementById("page-data").textContent);

const language = document.documentElement.lang || "en";
const plural = new Intl.PluralRules(language);

/** Tell whether whoever looks may do something: read, inspect, review, teach, administer. */
export function may(right) {
  return pageData.rights.includes(right);
}

/**
 * Return a text with its values filled in; `count` also chooses the plural's form.
 * A key that is missing throws: a test holds all of them against the catalogue.
 */
export function t(key, values = {}) {
  const { texts } = pageData;
  let text = texts[key];
  if (values.count !== undefined) {
    text = texts[`${key}.${plural.select(values.count)}`] ?? texts[`${key}.other`] ?? text;
  }
  if (text === undefined) throw new Error(`the catalogue has no text ${key} for this page`);
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? value.toLocaleString(language) : String(value);
  });
}

/** Write a score with four significant figures. */
export function scoreText(value) {
  if (value === null || value === undefined) return "–";
  return new Intl.NumberFormat(language, {
    minimumSignificantDigits: 4, maximumSignificantDigits: 4, useGrouping: false,
  }).format(value);
}

/** Write a share, 0 to 1, as percent. */
export function percentText(value, digits = 1) {
  return new Intl.NumberFormat(language, {
    style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits,
  }).format(value);
}

/** Write a time (ISO 8601) as whoever looks is used to, in his own zone. */
export function timeText(iso) {
  return new Date(iso).toLocaleString(language, { dateStyle: "medium", timeStyle: "medium" });
}

/** Write how long something will take, as exactly as one can know beforehand. */
export function durationText(seconds) {
  const [value, unit] = seconds < 90 ? [Math.max(5, 5 * Math.round(seconds / 5)), "second"]
    : seconds < 5400 ? [Math.round(seconds / 60), "minute"] : [Math.round(seconds / 360) / 10, "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(value);
}
