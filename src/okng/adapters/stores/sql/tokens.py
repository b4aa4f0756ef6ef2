"""API tokens by the hash of their secret."""

from datetime import datetime

from sqlalchemy import Row, select, update

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.people_schema import TokenRow
from okng.domain.people import Right, Token


class SqlTokens:
    """A `TokenStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: Token, secret_hash: str) -> None:
        with self._database.session() as session:
            session.add(
                TokenRow(
                    id=token.id,
                    owner=token.owner,
                    name=token.name,
                    rights=" ".join(right.value for right in Right if right in token.rights),
                    secret_hash=secret_hash,
                    created=token.created,
                    expires=token.expires,
                    last_used=token.last_used,
                    revoked=token.revoked,
                )
            )
            session.flush()

    def find(self, token_id: str) -> tuple[Token, str] | None:
        """Return a token and the hash of its secret."""
        wanted = select(*_COLUMNS, TokenRow.secret_hash).where(TokenRow.id == token_id)
        with self._database.reading() as session:
            row = session.execute(wanted).one_or_none()
            return None if row is None else (_token(row), row.secret_hash)

    def list(self, owner: str | None = None) -> list[Token]:
        """Return the tokens of one person or all, newest first."""
        wanted = select(*_COLUMNS).order_by(TokenRow.created.desc(), TokenRow.id)
        if owner is not None:
            wanted = wanted.where(TokenRow.owner == owner)
        with self._database.reading() as session:
            return [_token(row) for row in session.execute(wanted)]

    def revoke(self, token_id: str) -> None:
        with self._database.session() as session:
            session.execute(update(TokenRow).where(TokenRow.id == token_id).values(revoked=True))

    def used(self, token_id: str, at: datetime) -> None:
        with self._database.session() as session:
            session.execute(update(TokenRow).where(TokenRow.id == token_id).values(last_used=at))


_COLUMNS = (
    TokenRow.id,
    TokenRow.owner,
    TokenRow.name,
    TokenRow.rights,
    TokenRow.created,
    TokenRow.expires,
    TokenRow.last_used,
    TokenRow.revoked,
)


def _token(row: Row[*tuple[object, ...]]) -> Token:
    return Token(
        id=row.id,
        owner=row.owner,
        name=row.name,
        rights=frozenset(map(Right, row.rights.split())),
        created=row.created,
        expires=row.expires,
        last_used=row.last_used,
        revoked=row.revoked,
    )
