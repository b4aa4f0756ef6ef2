"""Templates become pages, with what every page has: texts, navigation, theme and headers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from okng.domain.errors import OkngError
from okng.interfaces.http.callers import Caller
from okng.interfaces.http.catalogue import Catalogue, preferred
from okng.interfaces.http.pages.assets import place
from okng.interfaces.http.pages.navigation import entries
from okng.interfaces.http.problems import status_of
from okng.version import __version__

TEMPLATES = Path(__file__).parents[1] / "templates"
THEME_COOKIE = "okng_theme"
PRODUCT_COOKIE = "okng_product"
_YEAR_S = 365 * 86400

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script, no inline style, no eval; pictures also from what the page itself has."""

_EVERY_PAGE = ("shell", "verdict", "problem")
"""Tables of texts that the modules of every page may use."""


@dataclass(frozen=True)
class ProductChoice:
    """The products that a page can be about: `chosen` is None for all of them.

    `every` says that the page can show all products at once.
    """

    names: tuple[str, ...]
    chosen: str | None
    every: bool = False


def page(
    request: Request,
    template: str,
    caller: Caller | None,
    *,
    status: int = 200,
    choice: ProductChoice | None = None,
    texts: Sequence[str] = (),
    data: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    **shown: object,
) -> HTMLResponse:
    """Render a template.

    Args:
        request: what is answered.
        template: its name without `.html.j2`; `TITLE` of the page is the text `NAME.title`.
        caller: who looks; None for strangers.
        status: of HTTP.
        choice: the products that the page can be about, if it is about one.
        texts: tables of the catalogue that the page's modules use.
        data: plain values for the page's modules, as `pageData` of `page.js`.
        headers: beyond those of every page.
        shown: values for the template.
    """
    catalogue = preferred(request.headers.get("Accept-Language", ""))
    theme = request.cookies.get(THEME_COOKIE, "")
    content: dict[str, Any] = {
        "t": catalogue,
        "language": catalogue.language,
        "static": place(),
        "theme": theme if theme in ("light", "dark") else "",
        "version": __version__,
        "path": request.url.path,
        "visitor": caller,
        "navigation": _navigation(request, caller),
        "choice": choice,
        "pages": request.app.state.pages,
        "page_data": _page_data(catalogue, caller, choice, texts, data or {}),
        **shown,
    }
    html = environment().get_template(f"{template}.html.j2").render(content)
    response = HTMLResponse(html, status, {"Content-Security-Policy": CSP, **(headers or {})})
    if choice is not None and choice.chosen is not None:
        _remember(response, request, choice.chosen)
    return response


def fault_page(request: Request, error: OkngError, caller: Caller | None) -> HTMLResponse:
    """Tell a person what is in the way, and how to mend it."""
    return page(request, "fault", caller, status=status_of(error), code=error.code, fault=error)


def sentence(error: OkngError) -> str:
    """Return an error's message as a sentence."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


@cache
def environment() -> Environment:
    """Return what renders the templates; a value that is missing is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters["sentence"] = sentence
    made.globals["icon"] = icon
    return made


def icon(name: str, extra: str = "") -> Markup:
    """Return one of `static/icons.svg`; it says nothing that words beside it do not say."""
    return Markup(
        '<svg class="icon {}" aria-hidden="true"><use href="{}/icons.svg#{}"/></svg>'
    ).format(extra, place(), name)


def _navigation(request: Request, caller: Caller | None) -> object:
    if caller is None or caller.must_change:
        return ()
    return entries(caller.principal, request.app.state.pages)


def _page_data(
    catalogue: Catalogue,
    caller: Caller | None,
    choice: ProductChoice | None,
    texts: Sequence[str],
    data: Mapping[str, object],
) -> dict[str, object]:
    """Return what the modules of a page are told."""
    return {
        "csrf": None if caller is None else caller.csrf,
        "rights": [] if caller is None else sorted(caller.principal.rights),
        "product": None if choice is None else choice.chosen,
        "texts": catalogue.of(*_EVERY_PAGE, *texts),
        **data,
    }


def _remember(response: HTMLResponse, request: Request, product: str) -> None:
    """Let the next page be about the same product."""
    response.set_cookie(
        PRODUCT_COOKIE,
        product,
        path="/",
        max_age=_YEAR_S,
        secure=request.app.state.tls,
        httponly=True,
        samesite="strict",
    )
