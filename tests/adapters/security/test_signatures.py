import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from okng.adapters.security.signatures import new_key, sign, verify_archive
from okng.domain.errors import BadModel, BadSetting

KEY, OTHER = new_key(), new_key()
DATA = b"PK\x03\x04 an archive" * 50
SIGNATURE = sign(DATA, KEY.private)


def test_a_signed_archive_is_taken() -> None:
    """The key that signed is named, whichever of the trusted ones it is."""
    assert verify_archive(DATA, SIGNATURE, [OTHER.public, KEY.public]) == KEY.id
    assert SIGNATURE.startswith(f"okng-ed25519 {KEY.id} ")
    pem = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = pem.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = pem.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    assert verify_archive(DATA, sign(DATA, private.decode()), [public.decode()])


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_any_changed_byte_is_found(at: int, change: int) -> None:
    """An archive with any byte changed is refused."""
    changed = bytearray(DATA)
    changed[at] ^= change
    with pytest.raises(BadModel, match="does not fit"):
        verify_archive(bytes(changed), SIGNATURE, [KEY.public])


def test_foreign_and_missing_signatures() -> None:
    """Nothing but a trusted key's signature of this archive will do."""
    with pytest.raises(BadModel, match="does not trust"):
        verify_archive(DATA, sign(DATA, OTHER.private), [KEY.public])
    with pytest.raises(BadModel, match="trusts none"):
        verify_archive(DATA, SIGNATURE, [])
    with pytest.raises(BadModel, match="there is no signature"):
        verify_archive(DATA, None, [KEY.public])
    forged = sign(DATA, OTHER.private).replace(OTHER.id, KEY.id)
    with pytest.raises(BadModel, match="does not fit"):
        verify_archive(DATA, forged, [KEY.public])
    bare = Ed25519PrivateKey.generate()
    public = base64.b64encode(bare.public_key().public_bytes_raw()).decode()
    words = SIGNATURE.split()
    value = base64.b64encode(bare.sign(DATA)).decode()
    from okng.adapters.security.signatures import key_id

    with pytest.raises(BadModel, match="does not fit"):
        verify_archive(DATA, f"{words[0]} {key_id(bare.public_key())} {value}", [public])


@pytest.mark.parametrize(
    "text", ["", "x", "okng-ed25519", "okng-ed25519 KEY §", "minisign KEY AAAA", "\0"]
)
def test_unreadable_signatures(text: str) -> None:
    """A signature that cannot be read says how one looks."""
    with pytest.raises(BadModel, match="cannot be read"):
        verify_archive(DATA, text.replace("KEY", KEY.id), [KEY.public])


def test_a_short_signature_does_not_fit() -> None:
    """A signature of the wrong length is one that does not fit."""
    with pytest.raises(BadModel, match="does not fit"):
        verify_archive(DATA, f"okng-ed25519 {KEY.id} AAAA", [KEY.public])


def test_keys_that_cannot_be_used() -> None:
    """Keys that are damaged or of another kind are refused with what is wanted."""
    curve = generate_private_key(SECP256R1())
    public = curve.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = curve.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for text in ("", "x", "AAAA", "é", public.decode(), "-----BEGIN nonsense"):
        with pytest.raises(BadSetting, match="public key"):
            verify_archive(DATA, SIGNATURE, [text])
    for text in ("", "x", KEY.public, private.decode(), "é"):
        with pytest.raises(BadSetting, match="private key"):
            sign(DATA, text)
    assert KEY.private not in repr(KEY)
