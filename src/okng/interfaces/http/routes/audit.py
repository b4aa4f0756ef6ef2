"""The audit log, for administrators."""

from datetime import UTC, datetime

from fastapi import APIRouter

from okng.domain.people_ports import AuditFilter
from okng.interfaces.http.answers import Paged
from okng.interfaces.http.bodies import Cursor, Limit, Short, Time
from okng.interfaces.http.callers import Administrator, Served
from okng.interfaces.http.people_answers import AnchorAnswer, AuditAnswer, AuditCheckAnswer
from okng.interfaces.http.records import API

router = APIRouter(prefix=API, tags=["audit"])


@router.get("/audit", response_model=Paged[AuditAnswer])
def list_audit(
    service: Served,
    by: Administrator,
    actor: Short = None,
    action: Short = None,
    subject: Short = None,
    since: Time = None,
    until: Time = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> object:
    """List what was changed, newest first."""
    wanted = AuditFilter(actor, action, subject, since, until)
    return service.audit.page(by, wanted, cursor, limit)


@router.post("/audit/verify", response_model=AuditCheckAnswer)
def verify_audit(service: Served, by: Administrator) -> object:
    """Compare the whole log with its chain of hashes and with the anchors."""
    return service.audit.verify(by)


@router.post("/audit/anchor", response_model=AnchorAnswer | None)
def anchor_audit(service: Served, _: Administrator) -> object:
    """Copy the log's head to the anchor file if it is due; null where there is nothing new."""
    return service.audit.anchor_if_due(datetime.now(UTC))
