"""People, for administrators."""

from datetime import UTC, datetime

from fastapi import APIRouter

from okng.domain.people import Person
from okng.interfaces.http.answers import Listed
from okng.interfaces.http.bodies import NewPerson, NewRole, PersonName
from okng.interfaces.http.callers import Administrator, Served
from okng.interfaces.http.people_answers import NewPersonAnswer, PersonAnswer
from okng.interfaces.http.records import API

router = APIRouter(prefix=API, tags=["people"])


@router.get("/people", response_model=Listed[PersonAnswer])
def list_people(service: Served, by: Administrator) -> object:
    """List everybody by name."""
    return {"items": service.people.list(by)}


@router.post("/people", status_code=201, response_model=NewPersonAnswer)
def create_person(service: Served, by: Administrator, body: NewPerson) -> object:
    """Make an account; its password is shown here once, and changed at the first sign-in."""
    person, password = service.people.create(by, body.name, body.role, datetime.now(UTC))
    return {"person": person, "password": password}


@router.get("/people/{name}", response_model=PersonAnswer)
def get_person(service: Served, by: Administrator, name: PersonName) -> Person:
    """Return one person."""
    return service.people.find(by, name)


@router.put("/people/{name}/role", response_model=PersonAnswer)
def set_role(service: Served, by: Administrator, name: PersonName, body: NewRole) -> Person:
    """Give a person another role; its sessions end."""
    return service.people.set_role(by, name, body.role)


@router.post("/people/{name}/disable", response_model=PersonAnswer)
def disable_person(service: Served, by: Administrator, name: PersonName) -> Person:
    """Let a person in no longer; accounts are kept, since the audit log names them."""
    return service.people.disable(by, name)


@router.post("/people/{name}/enable", response_model=PersonAnswer)
def enable_person(service: Served, by: Administrator, name: PersonName) -> Person:
    """Let a person in again."""
    return service.people.enable(by, name)


@router.post("/people/{name}/password", response_model=NewPersonAnswer)
def reset_password(service: Served, by: Administrator, name: PersonName) -> object:
    """Give a person a new one-time password, shown here once."""
    person, password = service.people.reset_password(by, name)
    return {"person": person, "password": password}
