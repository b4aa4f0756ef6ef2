/** Exact binomial intervals: the arithmetic of `algorithms/binomial.py`, which a test compares. */

const HALVINGS = 200;
const NEGLIGIBLE = 1e-18;
const HALF_LOG_TAU = 0.5 * Math.log(2 * Math.PI);
const EXACT = 20;

/** Return ln n!; beyond a few by Stirling's series, whose error is below 1e-14 there. */
function logFactorial(n) {
  if (n <= EXACT) {
    let product = 1;
    for (let i = 2; i <= n; i += 1) product *= i;
    return Math.log(product);
  }
  const x = n + 1;
  const square = x * x;
  const series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / x;
  return (x - 0.5) * Math.log(x) - x + HALF_LOG_TAU + series;
}

/** Return P(X = k) for 0 < p < 1. */
function pmf(k, n, p) {
  const choose = logFactorial(n) - logFactorial(k) - logFactorial(n - k);
  return Math.exp(choose + k * Math.log(p) + (n - k) * Math.log1p(-p));
}

/** Sum P(X = i) for i from k down to 0, for k below the mean: the terms only fall. */
function lowerTail(k, n, p) {
  let term = pmf(k, n, p);
  let total = term;
  const odds = (1 - p) / p;
  for (let i = k; i > 0 && term > NEGLIGIBLE * total; i -= 1) {
    term *= (i / (n - i + 1)) * odds;
    total += term;
  }
  return Math.min(1, total);
}

/** Sum P(X = i) for i from k up to n, for k above the mean: the terms only fall. */
function upperTail(k, n, p) {
  let term = pmf(k, n, p);
  let total = term;
  const odds = p / (1 - p);
  for (let i = k; i < n && term > NEGLIGIBLE * total; i += 1) {
    term *= ((n - i) / (i + 1)) * odds;
    total += term;
  }
  return Math.min(1, total);
}

/** Return P(X <= k). */
function cdf(k, n, p) {
  return k < n * p ? lowerTail(k, n, p) : 1 - upperTail(k + 1, n, p);
}

/** Return P(X > k), precise where it is small. */
function survival(k, n, p) {
  return k + 1 > n * p ? upperTail(k + 1, n, p) : 1 - lowerTail(k, n, p);
}

/** Halve an interval until nothing lies between its ends; `above` tells which half to keep. */
function halve(from, to, above) {
  let low = from;
  let high = to;
  for (let i = 0; i < HALVINGS; i += 1) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (above(middle)) high = middle;
    else low = middle;
  }
  return [low, high];
}

/**
 * Return the exact two-sided interval of a proportion, [low, high]; [0, 1] without trials.
 * Clopper & Pearson 1934, Biometrika 26.
 */
export function clopperPearson(successes, trials, confidence = 0.95) {
  if (!(successes >= 0 && successes <= trials)) {
    throw new RangeError(`${successes} of ${trials} is not a possible count`);
  }
  const tail = (1 - confidence) / 2;
  const share = trials === 0 ? 0 : successes / trials;
  const low = successes === 0 ? 0
    : halve(0, share, (p) => survival(successes - 1, trials, p) > tail)[0];
  const high = successes === trials ? 1
    : halve(share, 1, (p) => cdf(successes, trials, p) <= tail)[1];
  return [low, high];
}
