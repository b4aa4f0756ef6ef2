"""`okng serve` as people start it: a process of its own, from the first password to SIGTERM."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import okng
from okng.testing.images import good_parts, with_defect, write_folder

PASSWORD = "four unrelated plain words"


@dataclass
class Server:
    process: subprocess.Popen
    url: str
    password: str | None
    logs: list[str] = field(default_factory=list)


def serve(home: Path, *arguments: str, **environment: str) -> Server:
    """Start a service on a free port, and wait until it says where it is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "okng.interfaces.cli.app", "serve", "--port", "0", "--json",
         *arguments],
        env={**os.environ, "OKNG_HOME": str(home), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            break
    if not text:
        raise AssertionError(process.communicate()[1])
    said = json.loads(text)
    server = Server(process, said["url"], (said["administrator"] or {}).get("password"))
    threading.Thread(target=lambda: server.logs.extend(process.stderr or ()), daemon=True).start()
    return server


def stop(server: Server) -> int:
    server.process.send_signal(signal.SIGTERM)
    try:
        return server.process.wait(40)
    finally:
        server.process.kill()
        for stream in (server.process.stdout, server.process.stderr):
            assert stream is not None
        server.process.wait()
        time.sleep(0.1)
        server.process.stdout.close()
        server.process.stderr.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    write_folder(tmp_path / "parts" / "flange", good=8, test_good=2, defective=2, size=64)
    roots = json.dumps([str(tmp_path / "parts")])
    server = serve(tmp_path / "home", OKNG_DATASET_ROOTS=roots)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            stop(server)


def token_of(server: Server) -> str:
    """Sign in with the first password, choose another, and make a token."""
    with httpx.Client(base_url=server.url) as browser:
        body = {"name": "admin", "password": server.password}
        first = browser.post("/api/v1/session", json=body)
        assert first.json()["must_change"]
        body = {"old": server.password, "new": PASSWORD}
        csrf = {"X-CSRF-Token": first.json()["csrf"]}
        changed = browser.post("/api/v1/session/password", json=body, headers=csrf)
        csrf = {"X-CSRF-Token": changed.json()["csrf"]}
        body = {"name": "line-1", "rights": ["read", "inspect", "review", "teach"]}
        return browser.post("/api/v1/tokens", json=body, headers=csrf).json()["secret"]


def test_from_the_first_password_to_sigterm(server, tmp_path):
    """Sign in, train on a folder, inspect by the client, read metrics; SIGTERM answers what is on
    its way and ends with 0, and a restart has it all."""
    assert server.password
    token = token_of(server)
    headers = {"Authorization": f"Bearer {token}"}
    with okng.Client(server.url, token) as client, httpx.Client(base_url=server.url) as plain:
        client.create_product("flange")
        folder = {"name": "here", "folder": str(tmp_path / "parts" / "flange")}
        dataset = plain.post(
            "/api/v1/products/flange/datasets/folder", json=folder, headers=headers
        ).json()
        training = client.train("flange", dataset["id"], size=[64, 64], config={"bank_size": 512})
        done = client.wait(training.id, timeout_s=120)
        assert (done.state, done.model) == ("done", "flange-1"), done
        bad = with_defect(good_parts(1, 64, start=71)[0])
        answer = client.inspect("flange", bad, part_id="A-1", overlay=True, anomaly_map=True)
        assert answer.verdict is okng.Verdict.NG
        assert answer.regions
        assert answer.overlay[:2] == b"\xff\xd8"
        assert answer.anomaly_map.shape[0] > 1
        metrics = plain.get("/metrics", headers=headers).text
        assert 'okng_verdicts_total{product="flange",verdict="NG"} 1.0' in metrics
        answers: list[str] = []

        def inspect_many() -> None:
            for _ in range(200):
                try:
                    answers.append(client.inspect("flange", bad, lot="last").id)
                except okng.OkngError:
                    return

        asking = threading.Thread(target=inspect_many)
        asking.start()
        while len(answers) < 5:
            time.sleep(0.01)
        assert stop(server) == 0
        asking.join(60)
    assert all(json.loads(line) for line in server.logs)
    assert server.password not in "".join(server.logs)
    assert token not in "".join(server.logs)
    again = serve(tmp_path / "home")
    try:
        assert again.password is None
        with okng.Client(again.url, token) as client:
            kept = {one.id for one in client.inspections(lot="last", limit=50)}
            assert kept >= set(answers)
            assert client.part_verdict("flange", "A-1") is okng.Verdict.NG
    finally:
        stop(again)


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "sqlalchemy", "argon2", "cryptography"])
def test_a_missing_extra_is_one_error(tmp_path, missing):
    """Without a package of the extra, the command says what to install, and the others work."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from okng.interfaces.cli.app import main\n"
        "sys.argv = ['okng', 'serve', '--port', '0']\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OKNG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 5
    assert "pip install 'okng[serve]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_costs_no_password(tmp_path):
    """A port that somebody else has is refused before the first administrator is made."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "okng.interfaces.cli.app", "serve", "--port", port],
            env={**os.environ, "OKNG_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, port in done.stderr) == (2, True)
    assert not (tmp_path / "home").exists()


def test_tls(tmp_path):
    """With a certificate it speaks https alone, and tells browsers to stay with it."""
    cert, key = certificate(tmp_path)
    server = serve(tmp_path / "home", "--tls-cert", str(cert), "--tls-key", str(key))
    try:
        assert server.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=cert)
        answer = httpx.get(f"{server.url}/health/ready", verify=context)
        assert answer.json() == {"status": "ready"}
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        with pytest.raises(httpx.HTTPError):
            httpx.get(server.url.replace("https", "http"))
    finally:
        assert stop(server) == 0


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of 127.0.0.1 that signs itself, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "okng test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key.write_bytes(
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return cert, key


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--host", "0.0.0.0"], "--insecure-no-tls"),
        (["--tls-cert", "cert.pem"], "go together"),
        (["--database", "mysql://x"], "mysql"),
    ],
)
def test_what_is_refused_at_the_start(tmp_path, arguments, reason):
    """A service that would be unsafe, or cannot work, does not start and says why."""
    done = subprocess.run(
        [sys.executable, "-m", "okng.interfaces.cli.app", "serve", "--port", "0", *arguments],
        env={**os.environ, "OKNG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
