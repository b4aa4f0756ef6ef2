"""Detached Ed25519 signatures of model archives (RFC 8032).

A signature is one line: `okng-ed25519 <key id> <base64>`. What is signed is not the archive but
its SHA-256 behind a fixed text, so that a signature means nothing elsewhere. Of private keys there
are PEM files alone; a public key is PEM, or its 32 bytes in base64.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from okng.domain.errors import BadModel, BadSetting, MissingExtra

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
except ModuleNotFoundError as error:
    raise MissingExtra("cryptography", "serve") from error

SUFFIX = ".sig"
_SCHEME = "okng-ed25519"
_PURPOSE = b"okng model archive, version 1\n"


@dataclass(frozen=True)
class KeyPair:
    """A new key: `private` is PEM, to be kept away from the service; `public` is base64."""

    private: str = field(repr=False)
    public: str
    id: str


def new_key() -> KeyPair:
    """Make a key that signs models."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key()
    return KeyPair(pem.decode("ascii"), _base64(public.public_bytes_raw()), key_id(public))


def key_id(key: Ed25519PublicKey) -> str:
    """Return the name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


def sign(data: bytes, private_key: str) -> str:
    """Return the signature of an archive's bytes, one line.

    Raises:
        BadSetting: it is no private key that can be used.
    """
    key = _private_key(private_key)
    signature = key.sign(_PURPOSE + sha256(data).digest())
    return f"{_SCHEME} {key_id(key.public_key())} {_base64(signature)}\n"


def verify_archive(data: bytes, signature: str | None, public_keys: Iterable[str]) -> str:
    """Return the id of the trusted key that signed an archive's bytes.

    Raises:
        BadModel: it is not signed, by no trusted key, or it was changed since.
        BadSetting: a trusted key cannot be read.
    """
    trusted = {key_id(key): key for key in map(read_public_key, public_keys)}
    if signature is None:
        raise BadModel(
            "this okng takes in signed models only, and there is no signature: ask for the "
            f"archive's {SUFFIX} file"
        )
    named, value = _parsed(signature)
    if named not in trusted:
        raise BadModel(
            f"the model is signed with the key {named}, which this okng does not trust "
            f"(it trusts {', '.join(trusted) or 'none'}): add the key to the settings, or get the "
            "model from whom you trust"
        )
    try:
        trusted[named].verify(value, _PURPOSE + sha256(data).digest())
    except InvalidSignature as error:
        raise BadModel(
            "the signature does not fit: the archive was changed after it was signed, or the "
            "signature is of another one; get both again"
        ) from error
    return named


def read_public_key(text: str) -> Ed25519PublicKey:
    """Read a public key, PEM or base64.

    Raises:
        BadSetting: it is none.
    """
    try:
        if text.lstrip().startswith("-----BEGIN"):
            key = serialization.load_pem_public_key(text.strip().encode("ascii"))
            if isinstance(key, Ed25519PublicKey):
                return key
            raise BadSetting("a key that signs models is Ed25519: this public key is of other kind")
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip(), validate=True))
    except (ValueError, UnicodeError, UnsupportedAlgorithm) as error:
        raise BadSetting(
            "a public key is PEM, or its 32 bytes in base64: this one cannot be read"
        ) from error


def _private_key(text: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(text.encode("ascii"), password=None)
    except (ValueError, TypeError, UnicodeError, UnsupportedAlgorithm) as error:
        raise BadSetting("this is no private key in PEM without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadSetting("a key that signs models is Ed25519: this private key is of another kind")
    return key


def _parsed(signature: str) -> tuple[str, bytes]:
    """Return the key's id and the 64 bytes of a signature."""
    words = signature.split()
    try:
        if len(words) == 3 and words[0] == _SCHEME:
            return words[1], base64.b64decode(words[2], validate=True)
    except (binascii.Error, ValueError):
        pass
    raise BadModel(f"the signature cannot be read: it is one line, {_SCHEME} KEY BASE64")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
