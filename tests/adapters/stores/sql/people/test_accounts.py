import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import inspect, text

from okng.domain.errors import BadSetting, Conflict, Forbidden, NotFound, NotSignedIn, OkngError
from okng.domain.people import CONSOLE, Principal, Right, Role


def test_first_start(house) -> None:
    """The first start makes an administrator with a one-time password, and no other one does."""
    people = house.services.people
    person, password = people.first_start(house.clock.now)
    assert (person.name, person.role, person.must_change) == ("admin", Role.ADMINISTRATOR, True)
    assert re.fullmatch(r"([a-z2-9]{5}-){3}[a-z2-9]{5}", password)
    assert people.first_start(house.clock.now) is None
    assert house.actions() == [("system", "person.create", "admin")]


def test_first_start_of_many(house) -> None:
    """Several processes that start at once make one administrator."""
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(lambda _: house.services.people.first_start(house.clock.now), range(4))
        )
    assert sum(one is not None for one in made) == 1


def test_must_change(house) -> None:
    """Whoever signs in with a one-time password may do nothing but change it."""
    people, sign_in = house.services.people, house.services.sign_in
    _, password = people.first_start(house.clock.now)
    signed_in = house.sign_in("admin", password)
    assert signed_in.person.must_change
    assert sign_in.current(signed_in.session, house.clock.now).principal.rights == frozenset()
    with pytest.raises(BadSetting, match="choose another"):
        sign_in.change_password(signed_in.session, password, password, "-", house.clock.now)
    after = sign_in.change_password(
        signed_in.session, password, "correct horse battery", "-", house.clock.now
    )
    assert sign_in.current(after.session, house.clock.now).principal.may(Right.ADMINISTER)
    with pytest.raises(NotSignedIn):
        house.sign_in("admin", password)


@pytest.mark.parametrize("role", list(Role))
def test_ladder(role: Role, house) -> None:
    """Each role has the rights of those before it and one more; only the last manages people."""
    ladder = [Right.INSPECT, Right.REVIEW, Right.TEACH, Right.ADMINISTER]
    own = list(Role).index(role)
    assert role.rights == {Right.READ, *ladder[: own + 1]}
    house.person("boss", Role.ADMINISTRATOR)
    by = house.person("ann", role)
    people, tokens, audit = house.services.people, house.services.tokens, house.services.audit
    now = house.clock.now
    attempts = [
        lambda: people.list(by),
        lambda: people.find(by, "boss"),
        lambda: people.create(by, "bob", Role.OPERATOR, now),
        lambda: people.set_role(by, "bob", Role.REVIEWER),
        lambda: people.reset_password(by, "bob"),
        lambda: people.disable(by, "bob"),
        lambda: people.enable(by, "bob"),
        lambda: tokens.list(by),
        lambda: audit.verify(by) if house.anchors.exists() else audit.page(by, _any()),
    ]
    before = house.actions()
    for attempt in attempts:
        if role is Role.ADMINISTRATOR:
            attempt()
        else:
            with pytest.raises(Forbidden, match="right to administer"):
                attempt()
    assert (len(house.actions()) > len(before)) == (role is Role.ADMINISTRATOR)


def _any():
    from okng.domain.people_ports import AuditFilter

    return AuditFilter()


def test_last_administrator(house) -> None:
    """The last active administrator can be neither removed nor demoted; the last but one can."""
    people = house.services.people
    house.person("ann", Role.ADMINISTRATOR)
    for attempt in (
        lambda: people.disable(CONSOLE, "ann"),
        lambda: people.set_role(CONSOLE, "ann", Role.ENGINEER),
    ):
        with pytest.raises(Conflict, match="last active administrator"):
            attempt()
    house.person("bob", Role.ADMINISTRATOR)
    people.disable(CONSOLE, "bob")
    with pytest.raises(Conflict):
        people.disable(CONSOLE, "ann")
    people.enable(CONSOLE, "bob")
    people.set_role(CONSOLE, "ann", Role.OPERATOR)
    assert [(one.name, one.role) for one in people.list(CONSOLE)] == [
        ("ann", Role.OPERATOR),
        ("bob", Role.ADMINISTRATOR),
    ]


def test_two_administrators_at_once(house) -> None:
    """Two administrators who disable each other in one moment: one stays."""
    for name in ("ann", "bob"):
        house.person(name, Role.ADMINISTRATOR)

    def disable(name: str) -> bool:
        try:
            house.services.people.disable(CONSOLE, name)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(disable, ["ann", "bob"])) == [False, True]


def test_names(house) -> None:
    """A name is kept once, in small letters; odd ones and okng's own are refused."""
    people, now = house.services.people, house.clock.now
    person, _ = people.create(CONSOLE, " Ａnn.Müller ".replace("ü", "ue"), Role.OPERATOR, now)
    assert person.name == "ann.mueller"
    with pytest.raises(Conflict):
        people.create(CONSOLE, "ANN.MUELLER", Role.OPERATOR, now)
    for name in ("", "a b", "-a", "a:b", "x" * 65, "console", "anonymous", "é", "a\0", "a/../b"):
        with pytest.raises(BadSetting):
            people.create(CONSOLE, name, Role.OPERATOR, now)
    for lookup in ("nobody", "x" * 9999):
        with pytest.raises(NotFound):
            people.find(CONSOLE, lookup)
    with pytest.raises(OkngError):
        people.find(CONSOLE, "\0\ud800")


def test_change_and_note_are_one(house, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change whose audit entry cannot be written does not happen."""
    house.person("ann", Role.OPERATOR)

    def refuse(*_: object) -> None:
        raise RuntimeError("no log")

    monkeypatch.setattr(type(house.services.log), "append", refuse)
    with pytest.raises(RuntimeError):
        house.services.people.create(CONSOLE, "bob", Role.OPERATOR, house.clock.now)
    with pytest.raises(RuntimeError):
        house.services.people.set_role(CONSOLE, "ann", Role.ENGINEER)
    assert [(one.name, one.role) for one in house.services.people.list(CONSOLE)] == [
        ("ann", Role.OPERATOR)
    ]


def test_everything_is_noted(house) -> None:
    """Each change has an entry that names who did what to whom; what changes nothing has none."""
    people = house.services.people
    boss = house.person("boss", Role.ADMINISTRATOR)
    people.create(boss, "ann", Role.OPERATOR, house.clock.now)
    people.set_role(boss, "ann", Role.REVIEWER)
    people.set_role(boss, "ann", Role.REVIEWER)
    people.reset_password(boss, "ann")
    people.disable(boss, "ann")
    people.disable(boss, "ann")
    people.enable(boss, "ann")
    assert [(actor, action) for actor, action, subject in house.actions() if subject == "ann"] == [
        ("boss", f"person.{verb}")
        for verb in ("create", "set-role", "reset-password", "disable", "enable")
    ]


def test_no_secret_in_the_database(house) -> None:
    """No password, session, cookie or token is in any column of any table, typed as name or not."""
    _, first = house.services.people.first_start(house.clock.now)
    by = house.person("ann", Role.ENGINEER)
    signed_in = house.sign_in("ann")
    with pytest.raises(NotSignedIn):
        house.sign_in("my-secret-as-a-name", "other secret 77")
    _, token = house.services.tokens.create(by, "ci", by.rights, house.clock.now)
    house.services.tokens.principal_of(token, house.clock.now)
    secrets = [
        first,
        "seven green bottles",
        "my-secret-as-a-name",
        "other secret 77",
        signed_in.session,
        signed_in.device,
        signed_in.csrf,
        token,
        token.rpartition("_")[2],
    ]
    seen = 0
    with house.database.reading() as session:
        for table in inspect(session.connection()).get_table_names():
            for row in session.execute(text(f'SELECT * FROM "{table}"')):
                for value in row:
                    seen += 1
                    for secret in secrets:
                        assert secret not in str(value), (table, value)
    assert seen > 50


def test_principal_without_rights_does_nothing() -> None:
    """Whoever has no rights is told which one is missing."""
    with pytest.raises(Forbidden, match="ann may not do this, which needs the right to review"):
        Principal("ann", frozenset()).require(Right.REVIEW)
