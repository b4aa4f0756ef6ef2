import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from okng.adapters.stores.file_lock import locked
from okng.adapters.stores.manifest_json import manifest_bytes
from okng.adapters.stores.model_folder import FolderModelStore
from okng.domain.errors import BadModel, BadSetting, NotFound
from okng.domain.model import Golden, Model
from okng.testing.models import tiny_calibration, tiny_graph, tiny_model


def tiny(product: str = "bottle", gain: float = 1.0) -> Callable[[int], Model]:
    return lambda version: tiny_model(product, version, gain=gain)


@pytest.fixture
def store(tmp_path: Path) -> FolderModelStore:
    return FolderModelStore(tmp_path / "models")


@pytest.fixture
def folder(store: FolderModelStore, tmp_path: Path) -> Path:
    """The folder of bottle-1, which is stored."""
    store.add("bottle", tiny())
    return tmp_path / "models" / "bottle" / "1"


golden_names = st.from_regex(r"[a-z0-9][a-z0-9_]{0,8}\.png", fullmatch=True)


@given(
    golden=st.dictionaries(golden_names, st.binary(max_size=40), max_size=4),
    report=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    gain=st.floats(0.25, 8),
)
@settings(max_examples=15, deadline=None)
def test_identity(
    tmp_path_factory: pytest.TempPathFactory, golden: dict[str, bytes], report: str, gain: float
) -> None:
    """What is loaded is what was added, whatever the model holds."""
    store = FolderModelStore(tmp_path_factory.mktemp("store"))
    plain = tiny_model(gain=gain)
    scores = tuple(Golden(name, 0.5) for name in golden)
    model = replace(
        plain, golden=golden, report=report, manifest=replace(plain.manifest, golden=scores)
    )
    added = store.add("tiny", lambda _: model)
    assert store.load("tiny-1") == added
    assert replace(added, manifest=model.manifest) == model
    names = {"model.onnx", *(f"golden/{name}" for name in golden)} | (
        {"report.html"} if report else set()
    )
    assert set(added.manifest.files) == names


def test_versions_count_up(store: FolderModelStore) -> None:
    """Each model gets the next number of its own product."""
    names = [store.add(product, tiny(product)).name for product in ("a", "b", "a")]
    assert names == ["a-1", "b-1", "a-2"]
    assert store.products() == ("a", "b")


def test_number_of_a_deleted_model_is_not_used_again(store: FolderModelStore) -> None:
    """An inspection that names bottle-2 never means another model."""
    store.add("bottle", tiny())
    store.add("bottle", tiny())
    store.delete("bottle-2")
    assert store.add("bottle", tiny()).name == "bottle-3"


@pytest.mark.parametrize("product", ["../evil", "/evil", "a/b", "", ".x", "CON", "Bottle", "a-1"])
def test_product_is_checked(store: FolderModelStore, tmp_path: Path, product: str) -> None:
    """No text that is not a product's name reaches the disk."""
    with pytest.raises(BadSetting):
        store.add(product, tiny(product))
    assert list(tmp_path.iterdir()) == []


def test_wrong_version_is_refused(store: FolderModelStore) -> None:
    """A model built for another version is not stored."""
    with pytest.raises(BadModel, match="was built where bottle-1 was to be"):
        store.add("bottle", lambda _: tiny_model("bottle", 9))
    assert store.products() == ()


def foreign_calibration(model: Model) -> Model:
    calibration = tiny_calibration("0" * 64)
    return replace(model, manifest=replace(model.manifest, calibration=calibration))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: replace(m, graph=b"no graph"),
        foreign_calibration,
        lambda m: replace(m, golden={}),
        lambda m: replace(m, golden={"../x.png": b""}),
        lambda m: replace(m, report="\ud800"),
        lambda m: replace(m, manifest=replace(m.manifest, map_height=5)),
        lambda m: replace(m, manifest=replace(m.manifest, config={"a": object()})),
    ],
)
def test_unsound_model_is_refused(
    store: FolderModelStore, spoil: Callable[[Model], Model], tmp_path: Path
) -> None:
    """A model that could not be loaded again is not stored, and leaves nothing behind."""
    with pytest.raises(BadModel):
        store.add("bottle", lambda version: spoil(tiny_model("bottle", version)))
    assert store.products() == ()
    assert list((tmp_path / "models").iterdir()) == []


def test_failing_build_leaves_nothing(store: FolderModelStore, tmp_path: Path) -> None:
    """A training that fails frees its number and leaves no files."""

    def fail(version: int) -> Model:
        raise ValueError("training failed")

    with pytest.raises(ValueError, match="training failed"):
        store.add("bottle", fail)
    assert list((tmp_path / "models").iterdir()) == []
    assert store.add("bottle", tiny()).name == "bottle-1"


def test_half_written_is_invisible_then_cleaned(store: FolderModelStore, folder: Path) -> None:
    """What a process left that died while it wrote is never seen, and goes at the next add."""
    left = folder.with_name(".2.partial")
    shutil.copytree(folder, left)
    (left / "manifest.json").unlink()
    assert [entry.name for entry in store.list()] == ["bottle-1"]
    assert store.load("bottle").name == "bottle-1"
    assert store.add("bottle", tiny()).name == "bottle-2"
    assert not left.exists()


def die(root: Path) -> None:
    FolderModelStore(root).add("bottle", lambda _: os._exit(9))


def test_killed_writer(store: FolderModelStore, tmp_path: Path) -> None:
    """A process killed in the middle of an add blocks nobody, and its number is free again."""
    process = multiprocessing.get_context("forkserver").Process(
        target=die, args=(tmp_path / "models",)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    assert (tmp_path / "models/bottle/.1.partial").exists()
    assert store.list() == ()
    assert store.add("bottle", tiny()).name == "bottle-1"
    names = sorted(path.name for path in (tmp_path / "models/bottle").iterdir())
    assert names == [".lock", "1"]


def test_living_writer_is_left_alone(store: FolderModelStore, folder: Path) -> None:
    """A model that another process is still writing is not cleaned away, nor its number taken."""
    partial = folder.with_name(".2.partial")
    partial.mkdir()
    with locked(folder.with_name(".2.lock")):
        assert store.add("bottle", tiny()).name == "bottle-3"
        assert partial.exists()


def test_half_deleted_is_cleaned(store: FolderModelStore, folder: Path) -> None:
    """A deletion that was cut short is finished at the next add."""
    marker = folder.rename(folder.with_name(".1.deleted"))
    assert store.list() == ()
    store.add("bottle", tiny())
    assert list(marker.iterdir()) == []


def test_add_within_add(store: FolderModelStore) -> None:
    """Models of one product may be built at the same time, one even inside the other's building."""

    def build(version: int) -> Model:
        assert store.add("bottle", tiny()).name == "bottle-2"
        return tiny_model("bottle", version)

    assert store.add("bottle", build).name == "bottle-1"


def test_threads(store: FolderModelStore) -> None:
    """Threads that add at once get different numbers, without gaps."""
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda gain: store.add("bottle", tiny(gain=gain)), range(1, 9)))
    assert sorted(model.manifest.version for model in added) == list(range(1, 9))
    for model in added:
        assert store.load(model.name) == model


def add_many(root: Path, count: int) -> list[int]:
    store = FolderModelStore(root)
    return [store.add("bottle", tiny()).manifest.version for _ in range(count)]


def test_processes(tmp_path: Path) -> None:
    """Processes that add at once get different numbers, without gaps."""
    with multiprocessing.get_context("forkserver").Pool(2) as pool:
        versions = pool.starmap(add_many, [(tmp_path, 5)] * 2)
    assert sorted(versions[0] + versions[1]) == list(range(1, 11))
    assert len(FolderModelStore(tmp_path).list()) == 10


@pytest.mark.parametrize("name", ["model.onnx", "golden/0.png", "report.html"])
def test_tampered(store: FolderModelStore, folder: Path, name: str) -> None:
    """A changed file is detected and named."""
    path = folder / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BadModel, match=f"bottle-1: {name}.*SHA-256"):
        store.load("bottle")


@pytest.mark.parametrize("name", ["model.onnx", "golden/0.png", "report.html", "manifest.json"])
def test_missing(store: FolderModelStore, folder: Path, name: str) -> None:
    """A missing file is named, by load and by list."""
    (folder / name).unlink()
    with pytest.raises(BadModel, match=f"{Path(name).name} is missing"):
        store.load("bottle")
    (entry,) = store.list()
    assert entry.damage is not None
    assert "is missing" in entry.damage


def test_link_is_refused(store: FolderModelStore, folder: Path) -> None:
    """A file that is a link is refused even where its content is right."""
    path = folder / "model.onnx"
    path.symlink_to(path.rename(folder.parent / "elsewhere"))
    with pytest.raises(BadModel, match="link"):
        store.load("bottle")


def test_manifest_cannot_lead_outside(store: FolderModelStore, folder: Path) -> None:
    """A manifest that names files elsewhere is refused before anything is read."""
    values = json.loads((folder / "manifest.json").read_bytes())
    values["files"]["golden/../../../secret"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(BadModel, match="which no model has"):
        store.load("bottle")


def test_external_data_is_refused_on_load(store: FolderModelStore, folder: Path) -> None:
    """A graph with external data is refused even where every hash is right."""
    graph = onnx.load_model_from_string(tiny_graph())
    tensor = graph.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    data = graph.SerializeToString()
    digest = sha256(data).hexdigest()
    manifest = store.manifest("bottle")
    (folder / "model.onnx").write_bytes(data)
    (folder / "manifest.json").write_bytes(
        manifest_bytes(
            replace(
                manifest,
                files={**manifest.files, "model.onnx": digest},
                calibration=replace(manifest.calibration, graph_sha256=digest),
            )
        )
    )
    with pytest.raises(BadModel, match="external data"):
        store.load("bottle")


def test_moved_by_hand(store: FolderModelStore, folder: Path) -> None:
    """A folder copied under another number is refused: its name would lie."""
    shutil.copytree(folder, folder.with_name("2"))
    with pytest.raises(BadModel, match="manifest says bottle-1"):
        store.load("bottle-2")


def test_references(store: FolderModelStore) -> None:
    """A product means its champion or else its newest; versions and aliases mean themselves."""
    for _ in range(3):
        store.add("bottle", tiny())
    assert store.load("bottle").name == "bottle-3"
    assert store.promote("bottle-1") == "bottle-1"
    store.promote("bottle-2", "candidate")
    loaded = {
        reference: store.load(reference).name
        for reference in (
            "bottle",
            "bottle@champion",
            "bottle@candidate",
            "bottle@newest",
            "bottle@2",
        )
    }
    assert loaded == {
        "bottle": "bottle-1",
        "bottle@champion": "bottle-1",
        "bottle@candidate": "bottle-2",
        "bottle@newest": "bottle-3",
        "bottle@2": "bottle-2",
    }


def test_product_that_looks_like_a_version(store: FolderModelStore) -> None:
    """Version 3 of part and the folder part-3 cannot be mistaken for each other."""
    for _ in range(3):
        store.add("part", tiny("part"))
    store.add("part_3", tiny("part_3"))
    assert store.load("part-3").manifest.product == "part"
    assert store.load("part_3").manifest.product == "part_3"


def test_not_found(store: FolderModelStore) -> None:
    """What is not there is refused with what is."""
    with pytest.raises(NotFound, match="no models yet"):
        store.load("bottle")
    store.add("bottle", tiny())
    with pytest.raises(NotFound, match="did you mean bottle"):
        store.load("botle")
    with pytest.raises(NotFound, match="there are: bottle-1"):
        store.load("bottle-2")
    with pytest.raises(NotFound, match="no alias 'champion'; it has none"):
        store.load("bottle@champion")
    with pytest.raises(NotFound, match="no calibration 7; it has 1"):
        store.calibration("bottle", 7)
    with pytest.raises(NotFound):
        store.load("../bottle")


def test_remove_alias(store: FolderModelStore, folder: Path) -> None:
    """Without its champion a product means its newest again."""
    store.promote("bottle-1")
    store.add("bottle", tiny())
    store.remove_alias("bottle", "champion")
    assert store.load("bottle").name == "bottle-2"
    with pytest.raises(NotFound, match="has no alias"):
        store.remove_alias("bottle", "champion")
    with pytest.raises(NotFound):
        store.remove_alias("../bottle", "champion")


def test_damaged_aliases(store: FolderModelStore, folder: Path) -> None:
    """With unreadable aliases no model is guessed; a version by its number still loads."""
    folder.with_name("aliases.json").write_text("{")
    with pytest.raises(BadModel, match="aliases of bottle are damaged"):
        store.load("bottle")
    assert store.load("bottle-1").name == "bottle-1"
    (entry,) = store.list()
    assert "aliases" in (entry.damage or "")


def test_champion_that_vanished(store: FolderModelStore, folder: Path) -> None:
    """A champion that somebody removed by hand is an error, not silently another model."""
    store.add("bottle", tiny())
    store.promote("bottle-1")
    shutil.rmtree(folder)
    with pytest.raises(NotFound, match="there is no bottle-1; there are: bottle-2"):
        store.load("bottle")


def test_delete(store: FolderModelStore, folder: Path) -> None:
    """The champion goes by force only, with its aliases; a product alone is refused."""
    store.add("bottle", tiny())
    store.promote("bottle-1")
    with pytest.raises(BadSetting, match="say which version"):
        store.delete("bottle")
    with pytest.raises(BadSetting, match=r"is the champion.*promote another.*--force"):
        store.delete("bottle-1")
    assert store.delete("bottle-1", force=True) == "bottle-1"
    assert store.load("bottle").name == "bottle-2"
    store.delete("bottle-2")
    assert store.products() == ()


def test_damaged_can_be_deleted(store: FolderModelStore, folder: Path) -> None:
    """A damaged model does not stand in the way of its own deletion."""
    (folder / "manifest.json").write_bytes(b"\x00")
    store.delete("bottle-1")
    assert store.list() == ()


def test_list(store: FolderModelStore, tmp_path: Path) -> None:
    """A list tells of sound and damaged models, and is not disturbed by other files."""
    store.add("a", tiny("a"))
    store.add("b", tiny("b"))
    store.add("b", tiny("b"))
    store.promote("b-2")
    root = tmp_path / "models"
    (root / "a/1/manifest.json").write_text("{}")
    (root / "notes.txt").write_text("hello")
    (root / "b/0").mkdir()
    (root / ".git").mkdir()
    entries = store.list()
    assert [(e.name, e.damage is None) for e in entries] == [
        ("a-1", False),
        ("b-1", True),
        ("b-2", True),
    ]
    last = entries[-1]
    assert last.aliases == ("champion",)
    assert (last.images, last.detector, last.calibrations) == (300, "tiny", (1,))
    assert last.graph_sha256 == store.load("b").manifest.files["model.onnx"]
    assert last.size_bytes == sum(
        p.stat().st_size for p in (root / "b/2").rglob("*") if p.is_file()
    )
    assert store.list("b") == entries[1:]
    with pytest.raises(NotFound):
        store.list("c")


def test_calibrations(store: FolderModelStore, folder: Path) -> None:
    """Calibrations count up, the newest is active, and the manifest keeps the first."""
    first = store.load("bottle").manifest.calibration
    second = store.add_calibration("bottle", replace(first, ng_threshold=2.0))
    third = store.add_calibration("bottle", lambda number: replace(first, version=number, note="x"))
    assert [c.version for c in (first, second, third)] == [1, 2, 3]
    assert store.calibrations("bottle-1") == (first, second, third)
    assert store.calibration("bottle") == third
    assert store.calibration("bottle", 2) == second
    assert store.load("bottle").manifest.calibration == first
    assert store.list()[0].calibrations == (1, 2, 3)


def test_foreign_calibration(store: FolderModelStore, folder: Path) -> None:
    """A calibration of another graph is refused."""
    with pytest.raises(BadModel, match="belongs to another graph"):
        store.add_calibration("bottle", tiny_calibration("0" * 64))
    first = store.calibration("bottle")
    with pytest.raises(BadModel, match="calibration 9 was built, not 2"):
        store.add_calibration("bottle", lambda _: replace(first, version=9))


def test_damaged_calibration(store: FolderModelStore, folder: Path) -> None:
    """A calibration that was renamed or damaged is refused by name, never passed over."""
    store.add_calibration("bottle", store.calibration("bottle"))
    path = folder / "calibrations/2.json"
    path.rename(folder / "calibrations/3.json")
    with pytest.raises(BadModel, match=r"calibrations/3\.json says that it is calibration 2"):
        store.calibration("bottle")
    (folder / "calibrations/3.json").write_text("{")
    with pytest.raises(BadModel, match=r"calibrations/3\.json is not valid JSON"):
        store.calibration("bottle")
    assert store.list()[0].damage is not None


def test_calibrating_at_once(store: FolderModelStore, folder: Path) -> None:
    """Calibrations made at the same time get different numbers; none is overwritten."""
    first = store.calibration("bottle")

    def make(i: int) -> int:
        return store.add_calibration(
            "bottle", lambda number: replace(first, version=number, note=str(i))
        ).version

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(make, range(8)))
    assert sorted(numbers) == list(range(2, 10))
    assert {c.note for c in store.calibrations("bottle")[1:]} == {str(i) for i in range(8)}


def test_unwritable(tmp_path: Path) -> None:
    """A data folder that cannot be written gives one clear error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match=r"cannot write.*OKNG_HOME"):
        FolderModelStore(tmp_path / "file").add("bottle", tiny())


def test_a_first_model_that_fails_leaves_nothing(store: FolderModelStore, tmp_path: Path) -> None:
    """Where a product's first model cannot be built, no folder of the product stays."""

    def fail(version: int) -> Model:
        raise BadModel("no")

    with pytest.raises(BadModel, match="no"):
        store.add("bottle", fail)
    assert list((tmp_path / "models").iterdir()) == []
    store.add("bottle", tiny())
    with pytest.raises(BadModel, match="no"):
        store.add("bottle", fail)
    assert store.names("bottle") == ("bottle-1",)
    store.delete("bottle-1", force=True)
    with pytest.raises(BadModel, match="no"):
        store.add("bottle", fail)
    assert store.add("bottle", tiny()).name == "bottle-2"  # a used number is remembered


class _Unwanted(Exception):
    """What a build raises that is meant to fail."""


def test_folders_come_and_go_under_many_hands(store: FolderModelStore) -> None:
    """While some first models fail and vanish, others are stored, each under its own number."""

    def once(index: int) -> str | None:
        def build(version: int) -> Model:
            if index % 3:
                raise _Unwanted("no")
            return tiny_model("bottle", version)

        try:
            return store.add("bottle", build).name
        except _Unwanted:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [name for name in pool.map(once, range(1, 40)) if name]
    assert sorted(made) == sorted(store.names("bottle"))
    assert len(made) == 13


def test_unwritable_folder_is_found_before(tmp_path: Path) -> None:
    """A folder that cannot be written is named with the setting that chooses it; one that can be
    is left without a trace."""
    (tmp_path / "file").touch()
    with pytest.raises(BadSetting, match=r"file/models .*OKNG_HOME"):
        FolderModelStore(tmp_path / "file" / "models").check_writable("bottle")
    store = FolderModelStore(tmp_path / "models")
    store.check_writable("bottle")
    assert list((tmp_path / "models").iterdir()) == []
