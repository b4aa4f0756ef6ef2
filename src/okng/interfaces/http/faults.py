"""What is wrong with what was sent, in words that say how to mend it."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from okng.domain.errors import BadRequest
from okng.interfaces.http.bodies import WORDS

_JSON = "send a JSON object, with the header Content-Type: application/json"


def fault_of(error: Mapping[str, Any]) -> dict[str, str]:
    """Return where a value is wrong, as a JSON pointer, and what is wrong with it.

    What was sent is not repeated: it may be a password.
    """
    location: Sequence[object] = error["loc"]
    return {"pointer": _pointer(location), "message": _message(error, location)}


def known_query(request: Request) -> None:
    """Refuse a parameter that the route does not know: a filter must not be left out by a typo.

    Raises:
        BadRequest: there is one.
    """
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = _query_names(route.dependant)
    for name in request.query_params:
        if name not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "there is none here"
            raise BadRequest(f"unknown query parameter {name[:50]!r}: {there}")


def _message(error: Mapping[str, Any], location: Sequence[object]) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "string_pattern_mismatch":
        return WORDS.get(context.get("pattern", ""), str(error["msg"]))
    if kind == "value_error":
        return str(context.get("error", error["msg"]))
    if kind == "json_invalid":
        return f"is no JSON ({context.get('error', error['msg'])}): {_JSON}"
    if tuple(location) == ("body",):
        return f"is missing or no JSON object: {_JSON}"
    return str(error["msg"])


def _pointer(location: Sequence[object]) -> str:
    return "/" + "/".join(str(part)[:100] for part in location)


def _query_names(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    return names.union(*map(_query_names, dependant.dependencies))
