"""Which product a page is about: the one in its address, else the last one looked at."""

from fastapi import Request

from okng.bootstrap.service import Service
from okng.domain.errors import NotFound
from okng.interfaces.http.callers import Caller
from okng.interfaces.http.pages.rendering import PRODUCT_COOKIE, ProductChoice


def choose_product(
    service: Service, request: Request, caller: Caller, every: bool = False
) -> ProductChoice:
    """Return the products that somebody can choose from, and the chosen one.

    `?product=` names it; without, it is the last one that this browser looked at, else the first.
    `every`: the page can also be about all products, which `?product=` without a name means.

    Raises:
        NotFound: there is no product of that name.
    """
    names = tuple(one.name for one in service.products.list(caller.principal))
    asked = request.query_params.get("product")
    if asked is None:
        last = request.cookies.get(PRODUCT_COOKIE)
        first = None if every or not names else names[0]
        return ProductChoice(names, last if last in names else first, every)
    if asked == "" and every:
        return ProductChoice(names, None, every)
    if asked not in names:
        raise NotFound(f"there is no product {asked[:64]!r}: choose another on the first page")
    return ProductChoice(names, asked, every)
