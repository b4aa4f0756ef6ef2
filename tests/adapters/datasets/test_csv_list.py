"""Lists of images in CSV files."""

from dataclasses import replace
from pathlib import Path

import pytest

from okng.adapters.datasets import tables
from okng.adapters.datasets.csv_list import CsvList, write_list
from okng.adapters.datasets.parts import grouping_from
from okng.domain.dataset import GOOD, Dataset, Sample, Split
from okng.domain.errors import BadDataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "img").mkdir()
    for name in "abcdm":
        (tmp_path / "img" / f"{name}.png").touch()
    return tmp_path


def read(folder: Path, text: str | bytes, pattern: str | None = None) -> Dataset:
    file = folder / "list.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    dataset = CsvList(grouping_from(pattern)).read(file)
    assert dataset is not None
    return dataset


def test_all_columns(folder: Path) -> None:
    """Every column is read, in any order, and others are passed over."""
    dataset = read(
        folder,
        "label,Path,mask,split,group,operator\n"
        "OK,img/a.png,,train,7,x\n"
        "crack,img/b.png,img/m.png,test,8,y\n"
        ",img/c.png,,validation,,z\n",
    )
    a, b, c = dataset.samples
    assert (a.label, a.split, a.masks, a.group) == (GOOD, Split.TRAIN, (), "7")
    assert (b.label, b.split, b.group) == ("crack", Split.TEST, "8")
    assert b.path == folder / "img/b.png"
    assert b.masks == (folder / "img/m.png",)
    assert (c.label, c.split, c.group) == (None, Split.VALIDATION, None)
    assert dataset.name == "list"
    assert dataset.root == folder


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_dialects(folder: Path, delimiter: str, start: bytes, end: str) -> None:
    """Comma, semicolon and tab, with and without byte order mark, from any system."""
    rows = [("path", "label"), ("img/a.png", "good"), (r"img\b.png", '"a dent; a, scratch"'), ()]
    text = end.join(delimiter.join(row) for row in rows)
    dataset = read(folder, start + text.encode())
    assert [s.label for s in dataset.samples] == [GOOD, "a dent; a, scratch"]
    assert dataset.samples[1].path.is_file()


def test_without_a_split_one_is_made(folder: Path) -> None:
    """Defects are tested, the few good images train, and a note says so."""
    dataset = read(folder, "path,label\nimg/a.png,good\nimg/b.png,crack\n")
    assert [s.split for s in dataset.samples] == [Split.TRAIN, Split.TEST]
    assert "no split was given" in dataset.notes[0]


def test_a_pattern_takes_precedence_over_the_column(folder: Path) -> None:
    """Who gives a pattern wants it."""
    dataset = read(folder, "path,label,group\nimg/a.png,good,7\n", pattern="([a-z])")
    assert dataset.samples[0].group == "a"


def test_labels_that_say_more_than_good_are_defects(folder: Path) -> None:
    """A label is good only if it says good and nothing else."""
    dataset = read(folder, "path,label\nimg/a.png,no defect\nimg/b.png,good side scratch\n")
    assert [s.label for s in dataset.samples] == [GOOD, "good side scratch"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("path,label\n", "no rows"),
        ("file,class\nimg/a.png,good\n", r"line 1: the columns are file, class; expected path"),
        ("path,path,label\na,b,c\n", "line 1: column path is there twice"),
        ("path,label\nimg/a.png,good\nimg/b.png\n", "line 3: 1 values where the header has 2"),
        ("path,label\n\n\nimg/no.png,good\n", r"line 4: there is no file .*no\.png"),
        ("path,label\n,good\n", "line 2: the path is empty"),
        ("path,label,mask\nimg/a.png,crack,img/x.png\n", r"line 2: there is no file .*x\.png"),
        ("path,label,split\nimg/a.png,good,left\n", "line 2: the split is 'left'"),
        ("path,label\nimg/a.png,0\n", "line 2: the label is 0"),
        ("path,label\nimg/a.png,good\nimg/a.png,crack\n", "line 3: img/a.png is .* on line 2"),
        ('path,label\nimg/a.png,"good\n', "line 2: not CSV"),
        ("path,label\nimg/a.png,gut für alles\n".encode("latin-1"), "UTF-8"),
        (b"path,label\n\0\0", "not a CSV file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a CSV file"),
    ],
)
def test_errors_name_the_line(folder: Path, text: str | bytes, message: str) -> None:
    """Each mistake in a list is one error that names its line."""
    with pytest.raises(BadDataset, match=message):
        read(folder, text)


def test_long_lists_are_refused(folder: Path) -> None:
    """A list beyond the limit is refused."""
    file = folder / "list.csv"
    file.write_text("path\n" + "x\n" * 4)
    assert len(list(tables.rows_of(file, max_rows=4))) == 4
    with pytest.raises(BadDataset, match="more than 3 rows"):
        list(tables.rows_of(file, max_rows=3))


def test_only_lists_are_read(folder: Path) -> None:
    """A folder and an image are left to others."""
    assert CsvList().read(folder) is None
    assert CsvList().read(folder / "img/a.png") is None


def test_what_is_written_is_read(folder: Path) -> None:
    """A list that okng writes says the same when it is read: splits, parts, several masks."""
    inside = folder / "img"
    samples = [
        Sample(inside / "a.png", GOOD, Split.TRAIN, (), "part-1"),
        Sample(inside / "b.png", "scratch, deep", Split.TEST, (inside / "m.png", inside / "d.png")),
        Sample(inside / "c.png", None, Split.TEST),
    ]
    dataset = read(folder, write_list(samples, folder))
    assert [replace(s, path=s.path.resolve()) for s in dataset.samples] == samples


def test_a_label_of_digits_is_written_in_words(folder: Path) -> None:
    """A folder called 7 names a defect; as a label of a list, 7 alone would be refused."""
    sample = Sample(folder / "img" / "a.png", "7", Split.TEST)
    assert read(folder, write_list([sample], folder)).samples[0].label == "defect 7"


@pytest.mark.parametrize("name", [" a.png", "a.png ", "\udcff.png"])
def test_names_that_no_list_can_hold_are_refused(folder: Path, name: str) -> None:
    """Blanks at the ends, and bytes that are no text, would be read as another name."""
    place = Path(name.removesuffix(" ")) if name.startswith(" ") else folder / name
    with pytest.raises(BadDataset, match="rename it"):
        write_list([Sample(place, GOOD, Split.TRAIN)], Path() if name[0] == " " else folder)
