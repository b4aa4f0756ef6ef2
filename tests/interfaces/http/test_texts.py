"""Every text of the pages is in the catalogue, and everything in the catalogue is used."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from okng.interfaces.http import catalogue as texts
from okng.interfaces.http.catalogue import Catalogue, catalogue, languages, preferred
from okng.interfaces.http.pages.assets import STATIC
from okng.interfaces.http.pages.rendering import TEMPLATES, environment

CODE = Path(texts.__file__).parent
SPOKEN = {"alt", "aria-label", "aria-description", "title", "placeholder", "content"}
"""Attributes that people read or hear."""

NAMES = re.compile(r"{% block (title_key|body_class) %}.*?{% endblock %}")
"""Blocks that hold a key or a class."""

FORM = re.compile(r"\.(zero|one|two|few|many|other)$")
KEY = r"[a-z_]+(?:\.[\w-]+)+"


def templates() -> list[Path]:
    return sorted(TEMPLATES.glob("*.j2"))


def modules() -> list[Path]:
    return sorted(path for path in STATIC.glob("**/*.js") if "vendor" not in path.parts)


def sources() -> list[Path]:
    return [*templates(), *modules(), *sorted(CODE.glob("pages/*.py"))]


class Texts(HTMLParser):
    """Collects what people would read in a template."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = False

    def handle_starttag(self, tag, attrs):
        self._silent = tag in ("script", "style")
        spoken = [value or "" for name, value in attrs if name in SPOKEN and tag != "meta"]
        self.found += [value for value in spoken if re.search(r"[^\W\d_]", value)]

    def handle_endtag(self, tag):
        self._silent = False

    def handle_data(self, data):
        if not self._silent and re.search(r"[^\W\d_]", data):
            self.found.append(data.strip())


@pytest.mark.parametrize("template", templates(), ids=lambda path: path.name)
def test_no_template_holds_text(template):
    """Outside of expressions a template has markup alone; keys and paths are no words."""
    source = NAMES.sub("", template.read_text("utf-8"))
    markup = "".join(value for _, kind, value in environment().lex(source) if kind == "data")
    parser = Texts()
    parser.feed(markup)
    allowed = {"/api/v1/openapi.json", "- okng"}
    assert [text for text in parser.found if text not in allowed] == []


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.name)
def test_no_module_shows_text_of_its_own(module):
    """What a module writes into the page comes from the catalogue or from the service."""
    written = re.findall(
        r"(?:textContent|innerText|title|placeholder|ariaLabel)\s*=\s*(?:[\"'`])(.*?)[\"'`]|"
        r"\"(?:aria-label|title|placeholder|alt)\":\s*[\"'`](.*?)[\"'`]|"
        r"\btell\(\s*[\"'`](.*?)[\"'`]",
        module.read_text("utf-8"),
    )
    assert [text for text in written if re.search(r"[^\W\d_]", "".join(text))] == []
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write", module.read_text("utf-8"))


def used() -> tuple[set[str], set[str]]:
    """Return the keys that pages name, and the beginnings of those that they put together."""
    keys: set[str] = set()
    beginnings: set[str] = set()
    for path in sources():
        text = path.read_text("utf-8")
        keys |= set(re.findall(rf"\bt\(\s*[\"'`]({KEY})[\"'`]\s*[,)]", text))
        keys |= set(re.findall(rf"title_key %}}({KEY})", text))
        beginnings |= set(re.findall(r"\bt\(\s*`([a-z_]+\.[\w.]*)\$\{", text))
        beginnings |= set(re.findall(r"\bt\([\"']([a-z_]+\.[\w.]*)[\"'] [+~]", text))
        beginnings |= set(re.findall(r"title_key %}([a-z_]+\.)\{\{", text))
    return keys, beginnings


def test_every_key_exists():
    """A page names no text that is not there."""
    known = {FORM.sub("", key) for key in catalogue().texts} | set(catalogue().texts)
    keys, beginnings = used()
    assert keys
    assert sorted(keys - known) == []
    for beginning in beginnings:
        assert any(key.startswith(beginning) for key in known), beginning


def test_every_text_is_used():
    """Nothing stays in the catalogue that no page shows."""
    keys, beginnings = used()
    unused = [
        key
        for key in catalogue().texts
        if key not in keys
        and FORM.sub("", key) not in keys
        and not key.startswith(tuple(beginnings))
    ]
    assert unused == []


@pytest.mark.parametrize("language", languages())
def test_translations_have_the_same_values(language):
    """A translation has no key of its own, and names the values that the English text names."""
    english, other = catalogue().texts, catalogue(language).texts
    assert set(other) == set(english)
    for key, text in other.items():
        values = set(re.findall(r"\{(\w+)\}", english[key])) | {"count"}
        assert set(re.findall(r"\{(\w+)\}", text)) <= values, key


def test_texts_count_and_fill_in():
    """A count chooses the form; a value that is missing is an error, a key too."""
    t = Catalogue("en", {"a.n.one": "1 image", "a.n.other": "{count} images", "a.x": "of {x}"})
    assert (t("a.n", count=1), t("a.n", count=3), t("a.x", x="<b>")) == (
        "1 image", "3 images", "of <b>",
    )  # fmt: skip
    for key in ("a.x", "a.none"):
        with pytest.raises(KeyError):
            t(key)
    assert t.of("b") == {}


@pytest.mark.parametrize("asked", ["", "xx", "en-GB,en;q=0.9", "*;q=0.1", "de" * 9000, "../../x"])
def test_a_language_that_is_not_there_is_english(asked):
    """Whatever a browser asks for, it gets texts."""
    assert preferred(asked).language in languages()
