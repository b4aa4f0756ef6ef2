"""docs/http.md against the interface itself."""

import re
from pathlib import Path

from starlette.routing import compile_path

from okng.detectors.tiled import TiledConfig
from okng.interfaces.http.bodies import Tile

ROOT = Path(__file__).resolve().parents[3]
METHOD = re.compile(r"-X ([A-Z]+)")
FILLED = {"$ID": "019a9f5e-7c00-7000-8000-000000000000", "$P": "$URL/products/bottle/inspections"}
PLACES = {"product": "bottle", "version": "1", "alias": "candidate", "name": "ada"}


def documented() -> list[tuple[str, str]]:
    """Return method and path of every curl in the page."""
    text = (ROOT / "docs" / "http.md").read_text("utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    found = []
    for line in blocks.splitlines():
        command = line.partition("  # ")[0]
        if not command.startswith("curl"):
            continue
        for name, value in FILLED.items():
            command = command.replace(name, value)
        (path,) = re.findall(r"\$URL(/[^\s?\"]*)", command)
        sends = re.search(r" (-d|-F|--data-binary) ", command) is not None
        method = METHOD.search(command)
        found.append((method[1] if method else "POST" if sends else "GET", "/api/v1" + path))
    return found


def test_every_documented_request_exists(running):
    """Each curl of the page has a method and a path that some route takes."""
    asked = documented()
    assert len(asked) > 30
    routes = [
        (method.upper(), compile_path(path)[0])
        for path, operations in running.app.openapi()["paths"].items()
        for method in operations
    ]
    for method, path in asked:
        assert any(method == of and regex.fullmatch(path) for of, regex in routes), (method, path)


def test_every_kind_of_resource_is_documented(running):
    """No tag of the interface is missing from the page."""
    said = " ".join(path for _, path in documented())
    for what in ("products", "datasets", "uploads", "jobs", "models", "aliases", "calibrations",
                 "inspections", "parts", "reviews", "people", "tokens", "audit", "exports",
                 "session"):  # fmt: skip
        assert f"/{what}" in said, what


def test_examples_are_accepted(fresh):
    """What the description of the interface gives as an example is a value that can be used."""
    fresh.ask("POST", "/products", json={"name": "bottle"})
    schema = fresh.ask("GET", "/openapi.json").json()
    tried = 0
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is None or path.endswith("/session/password"):
                continue
            kind = body["schema"]["$ref"].split("/")[-1]
            url = path.removeprefix("/api/v1")
            for name in re.findall(r"{([a-z_]+)}", url):
                url = url.replace("{" + name + "}", PLACES.get(name, FILLED["$ID"]))
            for example in schema["components"]["schemas"][kind]["examples"]:
                answer = fresh.ask(method.upper(), url, json=example)
                assert answer.status_code not in (400, 422, 500), (path, answer.text)
                tried += 1
    assert tried > 8


def test_tiles_over_http_are_those_of_the_detector() -> None:
    """What a training over HTTP leaves out has the defaults that tiles have everywhere."""
    assert Tile().model_dump() == TiledConfig().model_dump()
