"""`okng backbone pull`, from a mirror on this machine that breaks off half-way."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from okng.graphs import known_backbones
from okng.graphs.known_backbones import KNOWN, Published, known

PATH = "org/small/resolve/main/model.safetensors"


def small_dinov2() -> bytes:
    """Make a file of weights of a DINOv2 with one block of 64 channels."""
    rng = np.random.default_rng(0)
    block = {
        "attn.qkv.weight": (192, 64), "attn.qkv.bias": (192,), "attn.proj.weight": (64, 64),
        "attn.proj.bias": (64,), "mlp.fc1.weight": (32, 64), "mlp.fc1.bias": (32,),
        "mlp.fc2.weight": (64, 32), "mlp.fc2.bias": (64,), "norm1.weight": (64,),
        "norm1.bias": (64,), "norm2.weight": (64,), "norm2.bias": (64,), "ls1.gamma": (64,),
        "ls2.gamma": (64,),
    }  # fmt: skip
    shapes = {
        "patch_embed.proj.weight": (64, 3, 14, 14), "patch_embed.proj.bias": (64,),
        "pos_embed": (1, 17, 64), "cls_token": (1, 1, 64), "norm.weight": (64,),
        "norm.bias": (64,), **{f"blocks.0.{name}": sides for name, sides in block.items()},
    }  # fmt: skip
    return save({n: rng.normal(0, 0.1, sides).astype(np.float32) for n, sides in shapes.items()})


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Let small weights be those that are published as dinov2-small."""
    data = small_dinov2()
    published = Published(PATH, len(data), sha256(data).hexdigest())
    facts = tuple(
        replace(one, published=published) if one.name == "dinov2-small" else one for one in KNOWN
    )
    monkeypatch.setattr(known_backbones, "KNOWN", facts)
    return data


class Mirror(BaseHTTPRequestHandler):
    """Sends half of what is asked for at first, then all of it."""

    data = b""
    asked: list[str | None]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        start = int((wanted or "bytes=0-")[6:-1])
        type(self).asked.append(wanted)
        self.send_response(206 if start else 200)
        if start:
            size = len(self.data)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(len(self.data) - start))
        self.end_headers()
        rest = self.data[start:]
        self.wfile.write(rest[: len(rest) // 2] if len(self.asked) == 1 else rest)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(weights: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Mirror]]:
    kind = type("OwnMirror", (Mirror,), {"data": weights, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("OKNG_WEIGHTS_URL", f"http://127.0.0.1:{server.server_port}")
    yield kind
    server.shutdown()
    server.server_close()
    thread.join()


def test_published_weights_are_pulled(
    fresh: Callable[..., Any], mirror: type[Mirror], weights: bytes, tmp_path: Path
) -> None:
    """A broken download goes on; the backbone is there, and what was downloaded is gone."""
    done = fresh("backbone", "pull", "dinov2-small", "--json")
    assert done.code == 0, done.err
    assert mirror.asked == [None, f"bytes={len(weights) // 2}-"]
    assert done.json["licence"] == "Apache-2.0"
    listed = {one["name"]: one for one in fresh("backbone", "list", "--json").json["backbones"]}
    assert listed["dinov2-small"]["installed"]
    assert listed["dinov2-small"]["milliseconds"] > 0
    folder = tmp_path / "home" / "backbones"
    assert not list((folder / ".downloads").iterdir())
    card = (folder / "dinov2-small.json").read_text()
    assert sha256(weights).hexdigest() in card
    again = fresh("backbone", "pull", "dinov2-small")
    assert again.code == 5
    assert "there is a backbone dinov2-small already" in again.err
    assert len(mirror.asked) == 2


def test_another_file_is_refused(fresh: Callable[..., Any], mirror: type[Mirror]) -> None:
    """What does not have the published hash is not kept."""
    mirror.data = mirror.data[::-1]
    done = fresh("backbone", "pull", "dinov2-small")
    assert done.code == 5
    assert "is not the file that was published" in done.err
    listed = fresh("backbone", "list", "--no-speed", "--json").json["backbones"]
    assert not next(one for one in listed if one["name"] == "dinov2-small")["installed"]


def test_what_nobody_publishes(fresh: Callable[..., Any]) -> None:
    """Of others it says how they are added."""
    for name in ("efficientnet-lite1", "resnet50"):
        done = fresh("backbone", "pull", name)
        assert done.code == 2
        assert "okng backbone add NAME --from FILE" in done.err


def test_the_pin_is_a_revision_and_a_hash() -> None:
    """The published file is named by its revision, so that it cannot change under its name."""
    published = known("dinov2-small").published
    assert len(published.path.split("/")[-2]) == 40
    assert len(bytes.fromhex(published.sha256)) == 32
