"""Split a set for training and testing so that no part is on both sides."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 0.2
"""Share that is kept for the test where nobody says another."""


def grouped_split(
    groups: Sequence[int] | NDArray[np.int64],
    strata: Sequence[Hashable],
    test_share: float = TEST_SHARE,
    seed: int = 0,
) -> NDArray[np.bool_]:
    """Choose whole groups for the test, so that every stratum gives about the same share.

    Groups come in random order, and each goes to the test if it has room there for all of its
    images. A stratum of two groups or more has images on both sides.

    Args:
        groups: int64 `[n]`, the part that each image shows.
        strata: `[n]`, the label of each image; a group may hold several.
        test_share: in (0, 1).
        seed: of the dealing.

    Returns:
        bool `[n]`, True for the test.
    """
    if not 0 < test_share < 1:
        raise ValueError("test_share must lie between 0 and 1")
    members: dict[int, list[int]] = {}
    for i, group in enumerate(np.asarray(groups).tolist()):
        members.setdefault(group, []).append(i)
    total, filled = Counter(strata), Counter[Hashable]()
    test = np.zeros(len(strata), np.bool_)
    rng = np.random.default_rng(seed)
    names = [list(members)[k] for k in rng.permutation(len(members))]
    for name in names:
        own = Counter(strata[i] for i in members[name])
        if all(filled[s] + own[s] <= test_share * total[s] + 0.5 for s in own):
            test[members[name]] = True
            filled.update(own)
    for stratum in dict.fromkeys(strata):
        _serve_both(stratum, strata, sorted(members.values(), key=len), test)
    return test


def _serve_both(
    stratum: Hashable,
    strata: Sequence[Hashable],
    groups: Sequence[Sequence[int]],
    test: NDArray[np.bool_],
) -> None:
    """Move the smallest group of a stratum where one side has none; `groups` come by size."""
    holders = [group for group in groups if any(strata[i] == stratum for i in group)]
    sides = {bool(test[group[0]]) for group in holders}
    if len(holders) > 1 and len(sides) == 1:
        test[holders[0]] = not sides.pop()


def stratified_folds(
    groups: Sequence[int] | NDArray[np.int64],
    strata: Sequence[int] | NDArray[np.int64],
    folds: int,
    seed: int = 0,
) -> NDArray[np.int64]:
    """Deal whole groups into folds so that every stratum is spread over them evenly.

    Groups come in random order, the large ones first; each goes to the fold that has the least of
    its strata. So a stratum of two groups or more is never whole in one fold, unless groups hold
    several strata.

    Args:
        groups: int64 `[n]`, the part that each image shows.
        strata: int64 `[n]`, the class of each image; a group may hold several.
        folds: how many at most; there are never more than groups.
        seed: of the dealing.

    Returns:
        int64 `[n]`.
    """
    names, where = np.unique(np.asarray(groups), return_inverse=True)
    kinds, kind = np.unique(np.asarray(strata), return_inverse=True)
    own = np.zeros((len(names), len(kinds)))
    np.add.at(own, (where, kind), 1)
    hands = max(1, min(folds, len(names)))
    filled = np.zeros((hands, len(kinds)))
    share = own / own.sum(axis=0)
    dealt = np.zeros(len(names), np.int64)
    shuffled = np.random.default_rng(seed).permutation(len(names))
    for name in shuffled[np.argsort(-share[shuffled].max(axis=1), kind="stable")]:
        has = own[name] > 0
        # First of all where these strata have least, then where there is least of all.
        need = (filled[:, has] / own.sum(axis=0)[has]).sum(axis=1)
        least = np.flatnonzero(need <= need.min() + 1e-12)
        dealt[name] = least[np.argmin(filled[least].sum(axis=1))]
        filled[dealt[name]] += own[name]
    return dealt[where]
