from pathlib import Path

from okng.domain.dataset import Dataset, Sample, Split, defect_names


def sample(label: str | None, split: Split = Split.TEST) -> Sample:
    return Sample(Path("x.png"), label, split)


SET = Dataset(
    "part",
    Path(),
    "by hand",
    (
        sample("good", Split.TRAIN),
        sample("hole", Split.TRAIN),
        sample(None, Split.TRAIN),
        sample("good"),
        sample("hole"),
        sample("hole"),
        sample("crack"),
        sample(None),
    ),
)


def test_only_good_samples_of_the_training_split_are_learned() -> None:
    """Defective, unlabelled and test samples are not among them."""
    assert SET.train_good == (SET.samples[0],)


def test_unlabelled_is_neither_good_nor_defective() -> None:
    """What nobody has labelled counts as neither."""
    assert [(s.is_good, s.is_defective) for s in map(sample, ("good", "hole", None))] == [
        (True, False),
        (False, True),
        (False, False),
    ]


def test_counts() -> None:
    """Samples are counted by split and label."""
    assert SET.counts() == {
        (Split.TRAIN, "good"): 1,
        (Split.TRAIN, "hole"): 1,
        (Split.TRAIN, "unlabelled"): 1,
        (Split.TEST, "good"): 1,
        (Split.TEST, "hole"): 2,
        (Split.TEST, "crack"): 1,
        (Split.TEST, "unlabelled"): 1,
    }


def test_defect_names() -> None:
    """Names of defects are sorted, and good is none."""
    assert defect_names(SET.samples) == ["crack", "hole"]
