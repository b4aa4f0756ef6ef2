"""API tokens."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path

from okng.domain.people import Token
from okng.interfaces.http.answers import Listed
from okng.interfaces.http.bodies import SHORT_ID, NewToken
from okng.interfaces.http.callers import Administrator, Served, SignedIn
from okng.interfaces.http.people_answers import NewTokenAnswer, TokenAnswer
from okng.interfaces.http.records import API

router = APIRouter(prefix=API, tags=["tokens"])

TokenId = Annotated[str, Path(pattern=SHORT_ID, examples=["0123456789abcdef"])]


@router.get("/tokens", response_model=Listed[TokenAnswer])
def list_tokens(service: Served, by: SignedIn) -> object:
    """List one's own tokens, newest first."""
    return {"items": service.tokens.list(by, by.name)}


@router.get("/tokens/all", response_model=Listed[TokenAnswer])
def list_all_tokens(service: Served, by: Administrator) -> object:
    """List everybody's tokens, newest first."""
    return {"items": service.tokens.list(by)}


@router.post("/tokens", status_code=201, response_model=NewTokenAnswer)
def create_token(service: Served, by: SignedIn, body: NewToken) -> object:
    """Make a token of one's own; its secret is shown here once. Takes a session, not a token."""
    token, secret = service.tokens.create(
        by, body.name, body.rights, datetime.now(UTC), body.expires
    )
    return {"token": token, "secret": secret}


@router.delete("/tokens/{token_id}", response_model=TokenAnswer)
def revoke_token(service: Served, by: SignedIn, token_id: TokenId) -> Token:
    """End a token: one's own, or as an administrator anybody's."""
    return service.tokens.revoke(by, token_id)
