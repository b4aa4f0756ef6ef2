"""The simulated camera and its defects."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from okng.adapters.sources.machined_part import (
    DEFECTS,
    MachinedPart,
    MachinedPartConfig,
    write_dataset,
)
from okng.domain.errors import BadDataset, BadSetting
from okng.domain.ports import silent

SIZE = 160


@pytest.fixture(scope="module")
def part() -> MachinedPart:
    return MachinedPart(MachinedPartConfig(size_px=SIZE, seed=3))


def test_there_are_five_kinds_of_defect() -> None:
    """Five distinct names, none of them the name of good."""
    assert len(set(DEFECTS)) == 5
    assert "good" not in DEFECTS


@pytest.mark.parametrize("defect", [None, *DEFECTS])
def test_the_same_piece_is_the_same_picture_in_any_order(
    part: MachinedPart, defect: str | None
) -> None:
    """Neither what was rendered before nor a new camera changes a piece's bytes."""
    forwards = [part.render(i, defect) for i in range(3)]
    fresh = MachinedPart(part.config)
    backwards = [fresh.render(i, defect) for i in (2, 1, 0)][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        assert one.pixels.tobytes() == other.pixels.tobytes()
        assert one.mask.tobytes() == other.mask.tobytes()


def test_another_seed_and_another_index_give_other_pictures(part: MachinedPart) -> None:
    """Seed and index both matter."""
    other = MachinedPart(part.config.model_copy(update={"seed": 4}))
    first = part.render(0).pixels
    assert not np.array_equal(first, other.render(0).pixels)
    assert not np.array_equal(first, part.render(1).pixels)


def test_pieces_of_different_kinds_share_no_dice(part: MachinedPart) -> None:
    """With one index, the pieces under different defects are as different as with two indices."""
    bodies = [part.render(7).pixels] + [part.render_undamaged(7, kind) for kind in DEFECTS]
    for i, one in enumerate(bodies):
        for other in bodies[:i]:
            assert np.abs(one.astype(int) - other).mean() > 2


@pytest.mark.parametrize("defect", [None, *DEFECTS])
def test_masks_are_empty_exactly_for_good_parts(part: MachinedPart, defect: str | None) -> None:
    """A good part's mask is empty, a defective one's is not, and is never most of the picture."""
    for index in range(12):
        made = part.render(index, defect)
        assert made.defect == defect
        assert made.mask.any() == (defect is not None)
        assert made.mask.mean() < 0.15


@pytest.mark.parametrize("defect", DEFECTS)
def test_defects_of_a_few_pixels(defect: str) -> None:
    """With a small scale a defect spans few pixels of a large image, and shows as it does."""
    small = MachinedPart(MachinedPartConfig(size_px=512, defect_scale=0.25))
    large = MachinedPart(MachinedPartConfig(size_px=512))
    spans = []
    for index in range(3):
        made = small.render(index, defect)
        rows, columns = np.nonzero(made.mask)
        spans.append(max(np.ptp(rows), np.ptp(columns)) + 1)
        change = made.pixels.astype(int) - small.render_undamaged(index, defect)
        assert np.abs(change[made.mask]).mean() > 3
        assert made.mask.sum() < 0.4 * large.render(index, defect).mask.sum()
    assert max(spans) < 60


def test_defects_that_nobody_could_see_are_refused() -> None:
    """A scale at which defects would be smaller than pixels is refused with the least there is."""
    with pytest.raises(ValidationError, match=r"take 0\.032 or more"):
        MachinedPartConfig(size_px=4000, defect_scale=0.02)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_changes_the_piece_at_its_mask_and_hardly_elsewhere(
    part: MachinedPart, defect: str
) -> None:
    """Masked pixels differ from the undamaged piece; beyond a margin nearly nothing does."""
    for index in range(12):
        made = part.render(index, defect)
        before = part.render_undamaged(index, defect)
        change = np.abs(made.pixels.astype(int) - before).max(-1)
        margin = cv2.dilate(made.mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert np.mean(change[made.mask] >= 3) > 0.6
        assert change[made.mask].mean() > 5
        assert np.quantile(change[~margin], 0.999) <= 6


def test_severity_makes_defects_more_visible() -> None:
    """The same pieces change more where the severity is higher."""

    def changed(severity: float) -> float:
        part = MachinedPart(MachinedPartConfig(size_px=SIZE, severity=severity))
        changes = [
            np.abs(part.render(i, kind).pixels.astype(int) - part.render_undamaged(i, kind))
            for kind in DEFECTS
            for i in range(4)
        ]
        return float(np.sum(changes))

    assert changed(0.3) < changed(1.0) < changed(2.0)


def test_without_variation_good_parts_differ_only_in_texture_and_noise() -> None:
    """Variation 0 holds light and position still."""
    steady, varied = (
        MachinedPart(MachinedPartConfig(size_px=SIZE, variation=v)) for v in (0.0, 1.0)
    )

    def spread(part: MachinedPart) -> float:
        return float(np.stack([part.render(i).pixels for i in range(6)]).std(0).mean())

    assert 0 < spread(steady) < 0.6 * spread(varied)


@pytest.mark.parametrize("defect", DEFECTS)
def test_even_the_mildest_defects_show(defect: str) -> None:
    """At the least severity every defective piece still has a mask."""
    part = MachinedPart(MachinedPartConfig(size_px=128, severity=0.1))
    assert all(part.render(index, defect).mask.any() for index in range(20))


@pytest.mark.parametrize("size", [128, 131, 700])
def test_every_size_shows_the_same_part(size: int) -> None:
    """Pictures have the size asked for, and shrunk to one size they show the same design."""
    mean = {}
    for px in (SIZE, size):
        part = MachinedPart(MachinedPartConfig(size_px=px, variation=0.0))
        made = part.render(0, "chip")
        assert made.pixels.shape == (px, px, 3)
        assert made.pixels.dtype == np.uint8
        assert made.mask.shape == (px, px)
        small = cv2.resize(part.render(0).pixels, (32, 32), interpolation=cv2.INTER_AREA)
        mean[px] = small.astype(int)
    assert np.abs(mean[SIZE] - mean[size]).mean() < 6


def test_pictures_are_well_exposed(part: MachinedPart) -> None:
    """Hardly any pixel of a good part is clipped, and the whole range is used."""
    pixels = np.stack([part.render(i).pixels for i in range(8)])
    assert np.mean(pixels == 255) < 0.02
    assert np.mean(pixels == 0) < 0.02
    assert pixels.max() > 200
    assert pixels.min() < 25


def test_the_stream_ends_after_its_count_and_keeps_to_the_defect_rate() -> None:
    """Frames are as many as asked, named apart, and equal to what render gives for the truth."""
    part = MachinedPart(MachinedPartConfig(size_px=128, count=5, defect_rate=0.5))
    frames = list(part.frames())
    assert len({frame.name for frame in frames}) == 5
    for index, frame in enumerate(frames):
        assert np.array_equal(frame.pixels, part.render(index, part.truth(index)).pixels)
    bad = [part.truth(i) for i in range(400)]
    assert 0.4 < np.mean([defect is not None for defect in bad]) < 0.6
    assert {defect for defect in bad if defect} == set(DEFECTS)


def test_a_stream_without_a_count_goes_on() -> None:
    """None means endless."""
    part = MachinedPart(MachinedPartConfig(size_px=128))
    assert len(list(islice(part.frames(), 12))) == 12


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_px": 127},
        {"size_px": 4097},
        {"seed": -1},
        {"defect_rate": 1.1},
        {"count": -1},
        {"variation": -0.1},
        {"severity": 0.09},
        {"colour": "red"},
    ],
)
def test_settings_out_of_bounds_or_unknown_are_refused(wrong: dict[str, object]) -> None:
    """Each bound holds, and a misspelt setting is an error."""
    with pytest.raises(ValidationError):
        MachinedPartConfig.model_validate(wrong)


def test_every_setting_is_described() -> None:
    """Forms and documents are made from titles and descriptions."""
    for made in MachinedPartConfig.model_fields.values():
        assert made.title
        assert made.description


def test_unknown_defects_and_negative_indices_are_refused(part: MachinedPart) -> None:
    """The error names what can be chosen."""
    with pytest.raises(BadSetting, match="scratch"):
        part.render(0, "rust")
    with pytest.raises(BadSetting, match="starts at 0"):
        part.render(-1)


def test_a_dataset_has_the_layout_of_mvtec_ad(tmp_path: Path) -> None:
    """Images by split and kind, a mask for each defective one, no training image among the test."""
    told: list[tuple[str, int, int]] = []
    config = MachinedPartConfig(size_px=128)
    folder = tmp_path / "part"
    write_dataset(folder, config, 3, 2, 2, lambda stage, n, of: told.append((stage, n, of)))
    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    wanted = [f"train/good/{i:04d}.jpg" for i in range(3)]
    wanted += [f"test/good/{i:04d}.jpg" for i in range(2)]
    for kind in DEFECTS:
        wanted += [f"test/{kind}/{i:04d}.jpg" for i in range(2)]
        wanted += [f"ground_truth/{kind}/{i:04d}_mask.png" for i in range(2)]
    assert found == sorted(wanted)
    assert told[0][1] == 0
    assert told[-1][1] == told[-1][2] == 15
    mask = np.asarray(Image.open(folder / "ground_truth" / "chip" / "0001_mask.png"))
    assert np.array_equal(mask == 255, MachinedPart(config).render(1, "chip").mask)
    assert set(np.unique(mask)) == {0, 255}
    first = (folder / "train" / "good" / "0000.jpg").read_bytes()
    assert first != (folder / "test" / "good" / "0000.jpg").read_bytes()


def test_a_dataset_is_the_same_bytes_again(tmp_path: Path) -> None:
    """Two runs with one configuration write equal files."""
    for name in ("a", "b"):
        write_dataset(tmp_path / name, MachinedPartConfig(size_px=128), 1, 0, 1, silent)
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_a_folder_with_other_content_is_refused_and_untouched(tmp_path: Path) -> None:
    """Nobody's files are mixed with ours."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadDataset, match="not an empty folder"):
        write_dataset(tmp_path, MachinedPartConfig(size_px=128), 1, 1, 1, silent)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_negative_numbers_of_images_are_refused(tmp_path: Path) -> None:
    """A count below zero is an error before anything is written."""
    with pytest.raises(BadSetting):
        write_dataset(tmp_path / "x", MachinedPartConfig(size_px=128), 1, -1, 1, silent)
    assert not (tmp_path / "x").exists()
