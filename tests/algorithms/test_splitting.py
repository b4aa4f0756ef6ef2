"""Splits that keep a part's images together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from okng.algorithms.splitting import grouped_split, stratified_folds

sets = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["good", "hole", "scratch"])), min_size=1
)


@given(sets, st.floats(0.05, 0.95), st.integers(0, 9))
def test_no_group_is_on_both_sides(images: list[tuple[int, str]], share: float, seed: int) -> None:
    """Whatever the groups and labels, images of a part stay together."""
    groups = np.array([group for group, _ in images])
    test = grouped_split(groups, [label for _, label in images], share, seed)
    assert set(groups[test]) & set(groups[~test]) == set()


@given(sets, st.floats(0.05, 0.95))
def test_a_label_of_its_own_groups_is_on_both_sides(
    images: list[tuple[int, str]], share: float
) -> None:
    """Where each part has one label, every label of two parts or more is trained on and tested."""
    first = dict(reversed([(group, label) for group, label in reversed(images)]))
    groups = np.array([group for group, _ in images])
    labels = np.array([first[group] for group in groups])
    test = grouped_split(groups, labels.tolist(), share)
    for label in set(labels):
        if len(set(groups[labels == label])) > 1:
            assert set(test[labels == label]) == {True, False}


def test_single_images_are_split_by_share() -> None:
    """Where every image is a part of its own, each label gives the wanted share."""
    labels = ["good"] * 100 + ["hole"] * 50
    test = grouped_split(np.arange(150), labels, 0.2)
    assert (test[:100].sum(), test[100:].sum()) == (20, 10)


def test_large_groups_come_close_to_the_share() -> None:
    """Groups of different sizes are dealt so that the share is met within the smallest of them."""
    sizes = [40, 30, 12, 9, 5, 4]
    groups = np.repeat(np.arange(6), sizes)
    test = grouped_split(groups, ["good"] * 100, 0.25)
    assert abs(int(test.sum()) - 25) <= 4


def test_same_seed_same_split() -> None:
    """The split is a function of its arguments; another seed deals anew."""
    groups, labels = np.arange(40) // 2, ["good"] * 40
    first = grouped_split(groups, labels, 0.3, seed=1)
    assert np.array_equal(first, grouped_split(groups, labels, 0.3, seed=1))
    assert not np.array_equal(first, grouped_split(groups, labels, 0.3, seed=2))


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_is_between_0_and_1(share: float) -> None:
    """Nothing and everything are no split."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        grouped_split([0, 1], ["good", "good"], share)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60),
       st.integers(1, 6), st.integers(0, 9))  # fmt: skip
def test_folds_keep_groups_whole_and_spread_every_stratum(
    images: list[int], folds: int, seed: int
) -> None:
    """A group is in one fold, and a stratum of two groups or more never whole in one of several."""
    groups = np.array(images)
    strata = groups % 3
    dealt = stratified_folds(groups, strata, folds, seed)
    for group in np.unique(groups):
        assert len(set(dealt[groups == group])) == 1
    hands = min(folds, len(np.unique(groups)))
    assert set(dealt) <= set(range(hands))
    for stratum in np.unique(strata):
        owners = np.unique(groups[strata == stratum])
        if len(owners) > 1 and hands > 1:
            assert len(set(dealt[strata == stratum])) > 1


def test_folds_are_even() -> None:
    """Where every image is a part of its own, each fold gets the same share of every class."""
    strata = np.repeat([0, 1, 2], [50, 10, 5])
    dealt = stratified_folds(np.arange(65), strata, 5, seed=1)
    for stratum, count in enumerate((10, 2, 1)):
        assert np.bincount(dealt[strata == stratum]).tolist() == [count] * 5
