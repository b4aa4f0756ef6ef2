"""A product whose images were labelled with another tool, from training to the report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from okng.testing.images import defect_box, good_parts, save, with_defect

Okng = Callable[..., Any]

SIDE = 64


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A COCO export: 24 good images and 4 with a hole that is boxed, in one folder."""
    folder = tmp_path / "disc"
    parts = list(good_parts(24, SIDE)) + [
        with_defect(part) for part in good_parts(4, SIDE, start=24)
    ]
    save(folder / "images", parts)
    box = defect_box(SIDE)
    sides = {"width": SIDE, "height": SIDE}
    content = {
        "images": [{"id": k, "file_name": f"{k:03}.png", **sides} for k in range(len(parts))],
        "categories": [{"id": 0, "name": "hole"}],
        "annotations": [
            {
                "id": k,
                "image_id": k,
                "category_id": 0,
                "bbox": [box.x, box.y, box.width, box.height],
            }
            for k in range(24, len(parts))
        ],
    }
    (folder / "result.json").write_text(json.dumps(content))
    return folder


def test_from_labels_to_a_report(okng: Okng, labelled: Path) -> None:
    """train, evaluate and inspect understand the folder and the list; boxes count as masks."""
    trained = okng("train", labelled, "--size", SIDE, "--set", "bank_size=48")
    assert trained.code == 0
    assert "28 images, COCO" in trained.out
    found = okng("evaluate", labelled, "--json").json
    assert found["counts"]["defective"] == 4
    assert found["pixels"]["auroc"] > 0.8
    assert found["kinds"][0]["kind"] == "hole"
    judged = okng("inspect", labelled / "result.json", "--product", "disc", "--json").json
    assert len(judged["inspections"]) == 28
