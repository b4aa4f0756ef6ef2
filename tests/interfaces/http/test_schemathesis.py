"""Whatever is sent to any route, nothing is a fault of okng's own."""

import threading
import time
from collections.abc import Iterator

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings

from okng.domain.people import Role

QUICK = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def server(running) -> Iterator[str]:
    """Serve the application on a free port, from a thread of this process."""
    config = uvicorn.Config(running.app, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    yield f"http://{host}:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def known(running, bad, trained) -> dict[str, str]:
    """Names and ids of what is there, so that requests get further than to 404."""
    headers = {"Content-Type": "image/png"}
    place = "/products/flange/inspections"
    made = running.ask("POST", place, content=bad, headers=headers, params={"part_id": "s"}).json()
    body = {"name": "fuzzed", "folder": str(trained / "parts" / "flange")}
    dataset = running.ask("POST", "/products/flange/datasets/folder", json=body).json()
    upload = running.ask("POST", "/products/flange/uploads", json={"name": "u", "size": 9}).json()
    return {
        "product": "flange", "version": 1, "alias": "candidate", "name": "the-reviewer",
        "inspection_id": made["id"], "dataset_id": dataset["id"], "upload_id": upload["id"],
        "part_id": "s",
    }  # fmt: skip


@pytest.fixture
def interface(running, server, known):
    """The description of the interface, with what is there in half of the requests."""
    schema = schemathesis.openapi.from_dict(running.app.openapi())
    schema.config.update(base_url=server)

    @schema.hook
    def map_path_parameters(context, path_parameters):
        del context
        if not path_parameters:
            return path_parameters
        flip = sum(map(len, map(str, path_parameters.values()))) % 2
        return {
            name: known.get(name, value) if flip else value
            for name, value in path_parameters.items()
        }

    return schema


STREAMS = {"/api/v1/products/{product}/live", "/api/v1/kiosk/events"}
"""Answers that never end; `test_live` listens to them."""


def test_no_request_is_a_fault_of_okng(interface, running):
    """No answer to an administrator is a 500, and every refusal is a problem with a code."""
    faults, asked = [], 0

    def check(case):
        nonlocal asked
        asked += 1
        answer = case.call(headers=running.headers(Role.ADMINISTRATOR), timeout=20)
        if answer.status_code == 500 or (answer.status_code >= 400 and "code" not in answer.json()):
            faults.append((case.as_curl_command(), answer.status_code, answer.text))

    everything = [result.ok() for result in interface.get_all_operations()]
    operations = [operation for operation in everything if operation.path not in STREAMS]
    assert len(everything) - len(operations) == len(STREAMS)
    assert len(operations) > 60
    for operation in operations:
        QUICK(given(operation.as_strategy())(check))()
    assert faults == []
    assert asked > 3 * len(operations)
