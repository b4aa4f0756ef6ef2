"""Grouping by part and splitting by name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okng.adapters.datasets.parts import MIN_GOOD, grouping_from, split_by_name
from okng.domain.dataset import GOOD, Sample, Split
from okng.domain.errors import BadDataset


def sample(name: str, label: str | None = GOOD, group: str | None = None) -> Sample:
    return Sample(Path("set") / str(label) / name, label, Split.TRAIN, (), group)


def in_test(samples: list[Sample]) -> set[str]:
    kept, _ = split_by_name(samples)
    return {s.path.name for s in kept if s.split is Split.TEST and s.is_good}


NAMES = st.sets(st.text("abcdefgh0123", min_size=1, max_size=8), min_size=MIN_GOOD, max_size=60)


@given(NAMES, st.text("abcdefgh0123", min_size=1))
def test_images_keep_their_side_when_one_is_added(names: set[str], added: str) -> None:
    """Adding an image moves no other, but where a set was too small to have a test by chance."""
    before = [sample(name) for name in sorted(names)] + [sample("d", "crack")]
    after = in_test([*before, sample(added)])
    if len(in_test(before)) > 1:
        assert in_test(before) - {added} <= after


@given(NAMES)
def test_neither_side_is_empty(names: set[str]) -> None:
    """With ten good images or more, some train and some are tested."""
    assert 0 < len(in_test([*map(sample, names), sample("d", "crack")])) < len(names)


def test_about_a_fifth_is_tested_and_the_place_does_not_matter() -> None:
    """The share is near 20 %, and the same in a folder of another name."""
    names = [f"{k:04}.png" for k in range(2000)]
    chosen = in_test([*map(sample, names), sample("d", "crack")])
    assert 340 < len(chosen) < 460
    moved = [Sample(Path("x") / name, GOOD, Split.TRAIN) for name in names]
    assert in_test([*moved, sample("d", "crack")]) == chosen


def test_defects_and_unlabelled_images_are_tested_and_it_is_said() -> None:
    """All that is not good goes to the test, with a note of how many good ones do."""
    given_ = [*(sample(f"{k}.png") for k in range(50)), sample("a", "crack"), sample("b", None)]
    kept, notes = split_by_name(given_)
    assert all(s.split is Split.TEST for s in kept if not s.is_good)
    assert f"{len(in_test(given_))} of 50 good images are kept for the test" in notes[0]


def test_few_good_images_all_train() -> None:
    """With nine good images none is given away."""
    kept, notes = split_by_name([*(sample(f"{k}.png") for k in range(9)), sample("a", "crack")])
    assert sum(s.split is Split.TRAIN for s in kept) == 9
    assert "fewer than 10" in notes[0]


def test_good_images_alone_all_train() -> None:
    """Without a defect there is nothing to test against: nothing is given away."""
    kept, notes = split_by_name([sample(f"{k}.png") for k in range(40)])
    assert all(s.split is Split.TRAIN for s in kept)
    assert "no defective images" in notes[0]


def test_images_of_a_part_stay_together() -> None:
    """A part's images are all on one side, whatever their names."""
    given_ = [sample(f"{k}.png", group=str(k // 5)) for k in range(200)]
    kept, _ = split_by_name([*given_, sample("a", "crack")])
    sides = {(s.group, s.split) for s in kept if s.is_good}
    assert len(sides) == 40
    assert {side for _, side in sides} == {Split.TRAIN, Split.TEST}


def test_pattern_takes_the_first_group() -> None:
    """The part's id is the pattern's first group in the file's name; None where it is not."""
    grouping = grouping_from(r"part(\d+)_(\w)")
    assert grouping.part_of(Path("part9_x/part17_a.png")) == "17"
    assert grouping.part_of(Path("part9_x/other.png")) is None
    assert grouping_from(None).part_of(Path("part17_a.png")) is None


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "no regular expression"), (r"part\d+", "no group")]
)
def test_bad_patterns_are_refused(pattern: str, message: str) -> None:
    """A pattern that does not compile, or has no group, is an error that says how to mend it."""
    with pytest.raises(BadDataset, match=message):
        grouping_from(pattern)
