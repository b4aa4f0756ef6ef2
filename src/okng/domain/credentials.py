"""What people may be called, and which passwords are good enough."""

import re
import unicodedata

from okng.domain.errors import BadSetting

LONGEST_NAME = 64
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD_BYTES = 1000
"""Longer ones would only make the hash function work for whoever sends them."""

RESERVED = frozenset({"anonymous", "console", "okng", "service", "system"})
"""Actors in the audit log that are no accounts."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?")
_TRIED_FIRST = """
0123456789 0987654321 1029384756 1111111111 1122334455 1212121212 123123123 1234512345
1234554321 1234567890 12345678900 12345678910 123456789a 123456789q 1234567891 1q2w3e4r5t
1q2w3e4r5t6y 1qaz2wsx3edc a123456789 abc1234567 abcd123456 abcdef1234 abcdefghij administrator
adminadmin admin12345 asdfghjkl1 asdfghjkl; baseball123 changeit123 changeme12 changeme123
changemenow chocolate1 computer123 defaultpassword dragon1234 factory1234 football123
iloveyou12 iloveyou123 inspection inspection1 letmein123 liverpool1 manchester master1234
michelle123 monkey1234 motdepasse operator12 operator123 p@ssw0rd123 p@ssword123 passw0rd12
passw0rd123 password12 password123 password1234 password12345 passwordpassword passwort123
princess123 q1w2e3r4t5 q1w2e3r4t5y6 qazwsxedcrfv qualitycontrol quality123 qwer123456
qwert12345 qwertyqwerty qwerty1234 qwerty12345 qwerty123456 qwertyuiop qwertyuiop1
qwertz1234 qwertzuiop secret1234 starwars123 sunshine123 superman123 supervisor test123456
testtest12 trustno123 welcome123 welcome1234 zaq12wsxcde zxcvbnm123
"""
_COMMON = frozenset(_TRIED_FIRST.split())


def person_name(text: str) -> str:
    """Return the name of an account as it is kept: NFKC, lower case.

    Raises:
        BadSetting: it is no slug of at most 64 characters, or okng itself goes by it.
    """
    name = unicodedata.normalize("NFKC", text).strip().lower()
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise BadSetting(
            "a person's name has 1 to 64 letters a-z, digits, '-', '_' and '.', and begins and "
            "ends with a letter or digit: choose another"
        )
    if name in RESERVED:
        raise BadSetting(f"okng itself goes by the name {name!r} in the audit log: choose another")
    return name


def normal_password(text: str) -> str:
    """Return a password as every keyboard gives it (NFKC; NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", text)


def too_long(password: str) -> bool:
    """Tell whether a password has more bytes than are ever hashed."""
    return len(password.encode("utf-8", "surrogatepass")) > LONGEST_PASSWORD_BYTES


def check_password(password: str, name: str) -> str:
    """Return a new password as it is hashed.

    Long enough, and not the first that somebody tries; no rules on kinds of characters, which
    make passwords worse (NIST SP 800-63B, 5.1.1.2).

    Raises:
        BadSetting: it is too short, too long, a common one, or made of the person's name.
    """
    normal = normal_password(password)
    if len(normal) < SHORTEST_PASSWORD:
        raise BadSetting(f"a password has at least {SHORTEST_PASSWORD} characters: add some words")
    if too_long(normal):
        raise BadSetting(f"a password has at most {LONGEST_PASSWORD_BYTES} bytes: shorten it")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in normal):
        raise BadSetting("a password cannot hold control characters: leave them out")
    plain = normal.casefold().strip()
    rest = plain.replace(name.casefold(), "").strip("0123456789!?.-_ ")
    if not rest or plain in _COMMON or len(set(plain)) < 4:
        raise BadSetting(
            "this password is among the first that somebody would try (a common one, the "
            "person's name, or one character repeated): choose a few unrelated words"
        )
    return normal
