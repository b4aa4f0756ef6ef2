"""Draw the README's picture: parts of the demo's product, and what a model says of them.

    python scripts/draw_readme_picture.py

Renders the product, trains on 200 good parts with the defaults, and judges parts that it has not
seen. Writes docs/pictures/result.jpg.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import okng
from okng.adapters.sources.machined_part import MachinedPart, MachinedPartConfig, write_dataset
from okng.algorithms.heatmap import heat_limits, outline, overlay
from okng.domain.arrays import Pixels
from okng.domain.ports import silent
from okng.settings import Settings

TARGET = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "result.jpg"
SHOWN = ((410, None), (405, "scratch"), (402, "corrosion"), (403, "dent"))
SIDE, CAPTION, GAP = 320, 40, 8
COLOURS = {"OK": (0, 114, 178), "REVIEW": (150, 110, 0), "NG": (196, 72, 0)}


def main() -> None:
    """Train, judge, draw."""
    config = MachinedPartConfig()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        write_dataset(Path(folder) / "flange", config, 200, 1, 1, silent)
        okng.train(Path(folder) / "flange", settings=settings)
        inspector = okng.load("flange", settings=settings)
    parts = MachinedPart(config)
    columns = [_column(inspector, parts.render(i, kind).pixels, kind) for i, kind in SHOWN]
    gap = np.full((columns[0].shape[0], GAP, 3), 255, np.uint8)
    row = [piece for column in columns for piece in (column, gap)][:-1]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(row, axis=1)).save(TARGET, quality=88)


def _column(inspector: okng.Inspector, pixels: Pixels, kind: str | None) -> Pixels:
    inspection = inspector.inspect(pixels)
    assert inspection.prediction is not None
    anomaly_map = inspection.prediction.anomaly_map
    heat = overlay(pixels, anomaly_map, *heat_limits(inspector.calibration, anomaly_map))
    heat = outline(heat, anomaly_map, inspection.review_threshold)
    canvas = Image.new("RGB", (SIDE, 2 * SIDE + GAP + CAPTION), "white")
    canvas.paste(Image.fromarray(pixels), (0, 0))
    canvas.paste(Image.fromarray(heat), (0, SIDE + GAP))
    draw = ImageDraw.Draw(canvas)
    verdict = inspection.verdict.value
    line = 2 * SIDE + GAP + CAPTION // 2 + 2
    bold = ImageFont.load_default(26)
    draw.text((4, line), verdict, COLOURS[verdict], bold, anchor="lm")
    truth = f"{inspection.score:.1f}   {kind or 'good part'}"
    draw.text((SIDE - 4, line), truth, (90, 90, 96), ImageFont.load_default(18), anchor="rm")
    return np.asarray(canvas)


if __name__ == "__main__":
    main()
