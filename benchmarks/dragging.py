"""Moving a threshold's line on the page Sensitivity, over thousands of scores, in Chromium.

Each step of a line counts every score anew: the confusion matrix, the rates with their intervals
and the pictures that change sides. What counts is whether a step, its layout included, fits into
the time between two pictures of a screen.
"""

import argparse

from benchmarks.browser import served_page
from benchmarks.service import PRODUCT
from benchmarks.setting import table

FRAME_MS = 1000 / 60
DRAG = """async count => {
    const base = document.querySelector('script[src$="sensitivity.js"]').src;
    const { KnownScores } = await import(new URL("known_scores.js", base));
    const { ScoreChart } = await import(new URL("score_chart.js", base));
    const { Outcome } = await import(new URL("sensitivity_outcome.js", base));
    const { Changes } = await import(new URL("sensitivity_changes.js", base));
    const items = Array.from({ length: count }, (_, i) => ({
        score: 10 + 20 * Math.abs(Math.sin(i)), good: i % 3 > 0, source: "sample",
        name: String(i), thumbnail_url: null, label: null,
    }));
    const known = new KnownScores(items);
    const byId = id => document.getElementById(id);
    byId("rates").replaceChildren();
    for (const head of document.querySelectorAll("[data-head]")) head.replaceChildren();
    const outcome = new Outcome(byId("rates"), byId("confusion"));
    const changes = new Changes(byId("changes"), byId("changes-none"));
    const inUse = { review: 15, ng: 20 };
    const times = [];
    byId("chart").replaceChildren();
    const chart = new ScoreChart(byId("chart"), now => {
        outcome.show(known, now, inUse);
        changes.show(known, now, inUse);
    });
    chart.show(known, inUse);
    chart.set(inUse);
    const line = document.querySelector(".score-line-handle.review");
    for (let i = 0; i < 60; i += 1) {
        const start = performance.now();
        const key = i % 20 < 10 ? "ArrowRight" : "ArrowLeft";
        line.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey: true }));
        document.body.getBoundingClientRect();
        times.push(performance.now() - start);
        await new Promise(done => requestAnimationFrame(done));
    }
    const cells = [...document.querySelectorAll("#confusion td")].map(
        cell => Number(cell.innerText.replaceAll(",", "")));
    times.sort((a, b) => a - b);
    return { median: times[30], worst: times[59], total: cells.reduce((a, b) => a + b) };
}"""
"""Gives the median and the worst of 60 steps in ms, and the sum of the confusion matrix."""


def main() -> None:
    """Move a line, print how long the steps take; fail where the median is longer than a frame."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=int, default=5000)
    count = parser.parse_args().scores
    with served_page(f"/sensitivity?product={PRODUCT}") as (page, _):
        page.locator(".uplot").wait_for()
        found = page.evaluate(DRAG, count)
    rows = [
        ["one step, median", f"{found['median']:.1f} ms"],
        ["one step, the longest of 60", f"{found['worst']:.1f} ms"],
        ["wanted: within a frame", f"below {FRAME_MS:.1f} ms"],
    ]
    table(f"Moving a threshold over {count:,} scores", ["", ""], rows)
    raise SystemExit(0 if found["median"] < FRAME_MS else 1)


if __name__ == "__main__":
    main()
