/** Scores whose truth is known, and what two thresholds make of them. */

import { clopperPearson } from "./binomial.js";

export const VERDICTS = ["OK", "REVIEW", "NG"];

/** Return the verdict of a score, as `domain/verdict.py` decides. */
export function verdictOf(score, { review, ng }) {
  if (score <= review) return "OK";
  return score > ng ? "NG" : "REVIEW";
}

/** Scores in order, so that what a threshold divides is found without a walk through all. */
export class KnownScores {
  /** @param {{score: number, good: boolean, source: string}[]} items */
  constructor(items) {
    this.items = [...items].sort((a, b) => a.score - b.score);
    this.good = Float64Array.from(this.items.filter((one) => one.good), (one) => one.score);
    this.defective = Float64Array.from(this.items.filter((one) => !one.good), (one) => one.score);
    this.scores = Float64Array.from(this.items, (one) => one.score);
  }

  /** Return how many of each truth get each verdict. */
  confusion(thresholds) {
    return { good: divide(this.good, thresholds), defective: divide(this.defective, thresholds) };
  }

  /** Return the items whose verdict differs between two pairs of thresholds. */
  changed(before, after) {
    const found = [];
    const bounds = [[before.review, after.review], [before.ng, after.ng]];
    const seen = new Set();
    for (const [one, other] of bounds) {
      const end = upTo(this.scores, Math.max(one, other));
      for (let i = upTo(this.scores, Math.min(one, other)); i < end; i += 1) {
        if (seen.has(i)) continue;
        seen.add(i);
        const item = this.items[i];
        const [was, is] = [verdictOf(item.score, before), verdictOf(item.score, after)];
        if (was !== is) found.push({ item, before: was, after: is });
      }
    }
    return found;
  }
}

/** Return the rates that people ask for, with their 95 % intervals. */
export function ratesOf({ good, defective }) {
  return {
    overkill: rate(good.NG, good.total),
    looked_at: rate(good.REVIEW, good.total),
    escapes: rate(defective.OK, defective.total),
  };
}

const known = new Map();

/** Return a share with its interval; the same counts come again and again while a line moves. */
export function rate(count, total) {
  const key = `${count}/${total}`;
  let found = known.get(key);
  if (found === undefined) {
    const [low, high] = clopperPearson(count, total);
    found = { count, total, low, high, value: total ? count / total : null };
    known.set(key, found);
  }
  return found;
}

/** Count the scores of an ascending array by verdict. */
function divide(scores, { review, ng }) {
  const ok = upTo(scores, review);
  const notNg = Math.max(ok, upTo(scores, ng));
  return { OK: ok, REVIEW: notNg - ok, NG: scores.length - notNg, total: scores.length };
}

/** Return how many numbers of an ascending array are at most `value`. */
function upTo(scores, value) {
  let [low, high] = [0, scores.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scores[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
