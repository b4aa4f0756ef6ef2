"""Forms of plain fields, as browsers send them without a module's help."""

from urllib.parse import parse_qs

from fastapi import Request

from okng.domain.errors import Forbidden

_FORM_BYTES = 16 << 10
_MOST_FIELDS = 10


async def read_form(request: Request) -> dict[str, str]:
    """Read a form of plain fields.

    Raises:
        Forbidden: it was sent from another site, or is none of okng's.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("this form does not come from a page of okng: load the page again")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise Forbidden("this form is none of okng's: load the page again")
    try:
        fields = parse_qs(bytes(body).decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Forbidden("this form is none of okng's: load the page again") from error
    return {name: values[0] for name, values in fields.items()}
