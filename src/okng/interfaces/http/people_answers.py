"""What the service answers of people, tokens, sessions, and of the audit log."""

from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer

from okng.domain.people import Right, Role
from okng.interfaces.http.answers import Answer

Rights = Annotated[frozenset[Right], PlainSerializer(sorted, return_type=list[Right])]


class PersonAnswer(Answer):
    name: str
    role: Role
    active: bool
    must_change: bool
    created: datetime


class NewPersonAnswer(Answer):
    """`password` works once and is shown once."""

    person: PersonAnswer
    password: str


class TokenAnswer(Answer):
    id: str
    owner: str
    name: str
    rights: Rights
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: bool


class NewTokenAnswer(Answer):
    """`secret` is shown once."""

    token: TokenAnswer
    secret: str


class SessionAnswer(Answer):
    """Whoever asks. `csrf` goes with every change that a browser asks for, as `X-CSRF-Token`."""

    name: str
    rights: Rights
    must_change: bool = False
    csrf: str | None = None


class AuditAnswer(Answer):
    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: str
    previous: str
    hash: str


class AuditFaultAnswer(Answer):
    number: int
    reason: str


class AuditCheckAnswer(Answer):
    sound: bool
    entries: int
    head: int
    head_hash: str | None
    anchored: int
    faults: list[AuditFaultAnswer]


class AnchorAnswer(Answer):
    at: datetime
    number: int
    hash: str
