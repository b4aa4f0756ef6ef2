"""`okng export`: what is written, read as an integrator reads it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from numpy.typing import NDArray
from PIL import Image

from okng.graphs.signature import check_signature

ROOT = Path(__file__).resolve().parents[3]


def score_of(file: Path, picture: Path) -> float:
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    pixels: NDArray[np.uint8] = np.asarray(Image.open(picture).convert("RGB"))
    return float(session.run(["score"], {"image": pixels[None]})[0][0])


def parsed(text: str) -> Any:
    """Parse Triton's ModelConfig: the fields that okng writes, as model_config.proto has them."""
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
    kind = descriptor_pb2.FieldDescriptorProto
    enum = file.enum_type.add(name="DataType")
    for number, name in {0: "TYPE_INVALID", 2: "TYPE_UINT8", 11: "TYPE_FP32"}.items():
        enum.value.add(name=name, number=number)
    shape = file.message_type.add(name="Reshape")
    shape.field.add(name="shape", number=1, type=kind.TYPE_INT64, label=3)
    tensor = file.message_type.add(name="Tensor")
    tensor.field.add(name="name", number=1, type=kind.TYPE_STRING, label=1)
    tensor.field.add(
        name="data_type", number=2, type=kind.TYPE_ENUM, type_name=".t.DataType", label=1
    )
    tensor.field.add(name="dims", number=3, type=kind.TYPE_INT64, label=3)
    tensor.field.add(
        name="reshape", number=5, type=kind.TYPE_MESSAGE, type_name=".t.Reshape", label=1
    )
    config = file.message_type.add(name="ModelConfig")
    config.field.add(name="name", number=1, type=kind.TYPE_STRING, label=1)
    config.field.add(name="max_batch_size", number=4, type=kind.TYPE_INT32, label=1)
    config.field.add(name="input", number=5, type=kind.TYPE_MESSAGE, type_name=".t.Tensor", label=3)
    config.field.add(
        name="output", number=6, type=kind.TYPE_MESSAGE, type_name=".t.Tensor", label=3
    )
    config.field.add(name="backend", number=17, type=kind.TYPE_STRING, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("t.ModelConfig"))()
    return text_format.Parse(text, message)


@pytest.fixture
def model(okng: Any, bolt: Path) -> str:
    done = okng("train", bolt, "--size", "64", "--set", "bank_size=48")
    assert done.code == 0, done.err
    return "bolt"


def test_the_images_own_size(okng: Any, model: str, bolt: Path, tmp_path: Path) -> None:
    """At the images' own size, every test image gets the score that `okng inspect` gives it."""
    file = tmp_path / "bolt.onnx"
    done = okng("export", model, "--input", "64x64", "--to", file, "--json")
    assert done.code == 0, done.err
    card = json.loads(file.with_suffix(".json").read_text())
    inspected = okng("inspect", bolt / "test", "--model", model, "--json").json["inspections"]
    assert len(inspected) == 10
    for one in inspected:
        score = score_of(file, Path(one["image"]))
        assert score == pytest.approx(one["score"], abs=card["tolerance"])
        verdict = "NG" if score > card["ng_threshold"] else "REVIEW"
        assert one["verdict"] == (verdict if score > card["review_threshold"] else "OK")


def test_card_and_golden_images(okng: Any, model: str, tmp_path: Path) -> None:
    """The card's golden images, as they lie beside it, get the scores that it states."""
    file = tmp_path / "wide.onnx"
    done = okng("export", model, "--input", "120x90", "--to", file)
    assert done.code == 0, done.err
    assert "resized to 120 x 90" in done.out
    assert "REVIEW above" in done.out
    card = json.loads(file.with_suffix(".json").read_text())
    signature = check_signature(file.read_bytes())
    assert (signature.height, signature.width) == (90, 120)
    assert card["golden"]
    for golden in card["golden"]:
        found = score_of(file, tmp_path / golden["file"])
        assert found == pytest.approx(golden["score"], abs=card["tolerance"])
        assert golden["resized"]
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert about["okng.product"] == "bolt"
    assert float(about["okng.review_threshold"]) == card["review_threshold"]
    assert (about["okng.input_width"], about["okng.input_height"]) == ("120", "90")


def test_triton_repository(okng: Any, model: str, tmp_path: Path) -> None:
    """The repository has the graph by version, and a configuration that says what the graph is."""
    repository = tmp_path / "models"
    done = okng(
        "export", model, "--input", "96x80", "--to", tmp_path / "a.onnx", "--triton", repository
    )
    assert done.code == 0, done.err
    version = done.out.split(":")[0].rpartition("-")[2]
    graph = (repository / "bolt" / version / "model.onnx").read_bytes()
    assert graph == (tmp_path / "a.onnx").read_bytes()
    config = parsed((repository / "bolt" / "config.pbtxt").read_text())
    assert (config.name, config.backend, config.max_batch_size) == ("bolt", "onnxruntime", 8)
    (image,) = config.input
    assert (image.name, image.data_type, list(image.dims)) == ("image", 2, [80, 96, 3])
    score, anomaly_map = config.output
    signature = check_signature(graph)
    assert (score.name, list(score.dims), list(score.reshape.shape)) == ("score", [1], [])
    assert score.HasField("reshape")
    assert list(anomaly_map.dims) == [signature.map_height, signature.map_width]
    again = okng(
        "export", model, "--input", "96x80", "--to", tmp_path / "b.onnx", "--triton", repository
    )
    assert again.code == 2
    assert "is there already" in again.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "64"], "write 1280x1024"),
        (["--input", "0x64"], "write 1280x1024"),
        (["--input", "64x64", "--to", "graph.bin"], "must end with .onnx"),
        (["--input", "99999x99999", "--to", "x.onnx"], "more than 100,000,000 pixels"),
    ],
)
def test_what_cannot_work(okng: Any, model: str, arguments: list[str], message: str) -> None:
    """Sizes and names that cannot work end with 2 and say what to write."""
    done = okng("export", model, *arguments)
    assert done.code == 2
    assert message in done.err


def test_files_that_are_there(okng: Any, model: str, tmp_path: Path) -> None:
    """Nothing is overwritten unless --force says so."""
    file = tmp_path / "a.onnx"
    file.write_bytes(b"mine")
    done = okng("export", model, "--input", "64x64", "--to", file)
    assert done.code == 2
    assert "--force" in done.err
    assert file.read_bytes() == b"mine"
    assert okng("export", model, "--input", "64x64", "--to", file, "--force").code == 0
    check_signature(file.read_bytes())


def test_the_documents_python(okng: Any, model: str, bolt: Path, tmp_path: Path) -> None:
    """The Python of docs/export.md runs as it stands, and prints the verdict."""
    text = (ROOT / "docs" / "export.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "bottle-3-1280x1024.onnx"
    assert okng("export", model, "--input", "64x64", "--to", file).code == 0
    for kind, verdict in (("good", "OK"), ("spot", "NG")):
        part = bolt / "test" / kind / "00.png"
        (tmp_path / "part.png").write_bytes(part.read_bytes())
        said = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert verdict in said.stdout
