"""What a survey says of images that show the same part again."""

from pathlib import Path

import numpy as np

from okng.domain.counting import chosen, counted
from okng.domain.dataset import Split
from okng.domain.doctor import Case, Check, Finding, Shown
from okng.services.survey import Survey, members

SAME_FILE = "the same file"
SAME_PICTURE = "the same picture, saved anew"
SAME_PLACE = "the same part in the same place"
SAME_PART = "the same part"


def leaks(survey: Survey, root: Path) -> Finding | None:
    """Find test images of parts that are trained on, each with its nearest training image."""
    split = np.array([sample.split is Split.TEST for sample in survey.samples], np.bool_)
    found: list[tuple[int, Case]] = []
    for group in members(survey.parts):
        train = [i for i in group if not split[i]]
        for i in group if train else ():
            if split[i]:
                rank, other, how = _nearest(survey, i, train)
                found.append((rank, _case(survey, root, (i, other), how)))
    if not found:
        return None
    found.sort(key=lambda item: item[0])
    tested, same = int(split.sum()), sum(rank == 0 for rank, _ in found)
    are = chosen(len(found), "shows a part", "show parts")
    files = f"; {same} of them {chosen(same, 'is', 'are')} the very same file" if same else ""
    return Finding(
        Check.LEAKS,
        f"{len(found):,} of {counted(tested, 'test image')} {are} that the training images show "
        f"too{files}.",
        "Figures on this test are too good to be true. Split anew, with all images of a part on "
        "one side: okng doctor FOLDER --split split.csv",
        tuple(case for _, case in found),
    )


def contradictions(survey: Survey, root: Path) -> Finding | None:
    """Find pictures that are there twice, with two labels."""
    cases = []
    for group in members(survey.identical):
        labels = _labels(survey, group)
        if len(labels) > 1:
            cases.append(_case(survey, root, group, f"called {' and '.join(labels)}"))
    if not cases:
        return None
    pictures = counted(len(cases), "picture")
    are = chosen(len(cases), "is", "are")
    return Finding(
        Check.CONTRADICTIONS,
        f"{pictures} {are} there more than once, under different labels.",
        "One of the labels is wrong: look, and delete or move the wrong copy.",
        tuple(cases),
    )


def disputed(survey: Survey, root: Path) -> Finding | None:
    """Find parts that are called good on one image and defective on another."""
    cases = []
    for group in members(survey.parts):
        labels = _labels(survey, group)
        if "good" in labels and len(labels) > 1:
            good = next(i for i in group if survey.samples[i].is_good)
            bad = [i for i in group if survey.samples[i].is_defective]
            _, other, how = _nearest(survey, good, bad)
            if survey.identical[good] != survey.identical[other]:
                cases.append(_case(survey, root, (good, other), how))
    if not cases:
        return None
    parts = counted(len(cases), "part")
    are = chosen(
        len(cases), "is called good on one image and", "are called good on some images and"
    )
    return Finding(
        Check.DISPUTED,
        f"{parts} {are} defective on {chosen(len(cases), 'another', 'others')}.",
        "Look whether the defect shows on one alone (photographed before and after, or from "
        "another side) or a label is wrong.",
        tuple(cases),
    )


def identical(survey: Survey, root: Path) -> Finding | None:
    """Find pictures that are there more than once, pixel by pixel."""
    groups = [group for group in members(survey.identical) if len(group) > 1]
    if not groups:
        return None
    surplus = sum(len(group) - 1 for group in groups)
    cases = []
    for group in sorted(groups, key=len, reverse=True):
        same = len({survey.files[i] for i in group}) == 1
        cases.append(_case(survey, root, group, SAME_FILE if same else SAME_PICTURE, len(group)))
    images = counted(surplus, "image")
    are = chosen(surplus, "is a copy", "are copies")
    return Finding(
        Check.IDENTICAL,
        f"{images} {are} of another, pixel by pixel.",
        "Copies teach nothing. They count once in what a threshold promises.",
        tuple(cases),
    )


def repeated(survey: Survey, root: Path) -> Finding | None:
    """Find parts that several different pictures show."""
    groups = [g for g in members(survey.parts) if len(set(survey.identical[g].tolist())) > 1]
    if not groups:
        return None
    groups.sort(key=len, reverse=True)
    total, parts = len(survey), len(np.unique(survey.parts))
    cases = []
    for group in groups:
        images = counted(len(group), "image")
        cases.append(_case(survey, root, group, f"{images} of one part", len(group)))
    turned = "" if not survey.turned else ", some of them turned, mirrored or moved"
    return Finding(
        Check.REPEATED,
        f"{counted(total, 'image')} show {counted(parts, 'different part')}: "
        f"{counted(len(groups), 'part')} {chosen(len(groups), 'is', 'are')} there more than once"
        f"{turned}.",
        "A promise needs different parts. A split that keeps a part's images together, and names "
        "the parts for the training: okng doctor FOLDER --split split.csv",
        tuple(cases),
    )


def _nearest(survey: Survey, i: int, among: list[int]) -> tuple[int, int, str]:
    """Return how alike (0 is the same file), which one, and what makes it the same."""
    for j in among:
        if survey.files[j] == survey.files[i]:
            return 0, j, SAME_FILE
    for j in among:
        if survey.identical[j] == survey.identical[i]:
            return 1, j, SAME_PICTURE
    near = [j for j in among if survey.near[j] == survey.near[i]]
    if near:
        return 2, survey.turns.nearest(i, np.array(near)).second, SAME_PLACE
    pair = survey.turns.nearest(i, np.array(among))
    how = f"turned by {abs(pair.degrees):.0f}\N{DEGREE SIGN}" if abs(pair.degrees) > 8 else ""
    how = " and ".join(filter(None, ("mirrored" if pair.mirrored else "", how)))
    return 3, pair.second, f"{SAME_PART}, {how or 'a little moved or in another light'}"


def _labels(survey: Survey, group: list[int]) -> list[str]:
    """Return the labels of some images, as far as anybody has given one."""
    return sorted({label for i in group if (label := survey.samples[i].label) is not None})


def _case(
    survey: Survey,
    root: Path,
    group: "list[int] | tuple[int, ...]",
    text: str,
    value: float | None = None,
) -> Case:
    return Case(tuple(Shown.of(survey.samples[i], root) for i in group), text, value)
