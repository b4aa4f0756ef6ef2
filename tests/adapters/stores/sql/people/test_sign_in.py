from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from okng.adapters.security.passwords import Argon2Passwords
from okng.bootstrap.people import people_services
from okng.domain.errors import Forbidden, NotSignedIn, TooMany
from okng.domain.people import CONSOLE, Role
from okng.services.sign_in import check_csrf
from okng.services.sign_in_throttle import wait_s
from okng.settings import Settings


def fail(house, name: str = "ann", address: str = "10.0.0.1", device: str | None = None) -> None:
    with pytest.raises(NotSignedIn):
        house.sign_in(name, "a wrong password", address, device)


def test_session(house) -> None:
    """A session says who it is and what he may do at this moment."""
    house.person("ann", Role.REVIEWER)
    signed_in = house.sign_in(" ANN ")
    current = house.services.sign_in.current(signed_in.session, house.clock.now)
    assert current.person.name == "ann"
    assert current.principal.rights == Role.REVIEWER.rights
    assert current.csrf == signed_in.csrf
    for nonsense in ("", "x", signed_in.session[:-1], "\0", "x" * 10_000, "\ud800"):
        with pytest.raises(NotSignedIn):
            house.services.sign_in.current(nonsense, house.clock.now)


def test_idle_session_ends(house) -> None:
    """Two hours without a request end a session; a request in between keeps it."""
    house.person("ann")
    sign_in, signed_in = house.services.sign_in, house.sign_in("ann")
    for _ in range(3):
        sign_in.current(signed_in.session, house.clock.pass_by(minutes=119))
    with pytest.raises(NotSignedIn, match="has ended"):
        sign_in.current(signed_in.session, house.clock.pass_by(minutes=121))
    with pytest.raises(NotSignedIn):
        sign_in.current(signed_in.session, house.clock.now)


def test_old_session_ends(house) -> None:
    """Twelve hours end a session however much it is used."""
    house.person("ann")
    sign_in, signed_in = house.services.sign_in, house.sign_in("ann")
    for _ in range(12):
        sign_in.current(signed_in.session, house.clock.pass_by(hours=1))
    with pytest.raises(NotSignedIn, match="has ended"):
        sign_in.current(signed_in.session, house.clock.pass_by(minutes=1))


def test_rotation(house) -> None:
    """Signing in again makes a new id and ends the browser's old one."""
    house.person("ann")
    sign_in, now = house.services.sign_in, house.clock.now
    first = house.sign_in("ann")
    second = sign_in.sign_in("ann", "seven green bottles", "::1", now, before=first.session)
    assert first.session != second.session
    assert len(first.session) == 43
    with pytest.raises(NotSignedIn):
        sign_in.current(first.session, now)
    sign_in.current(second.session, now)


def test_sessions_end_with_the_password(house) -> None:
    """A changed or reset password, another role and a disabled account end every session."""
    house.person("ann")
    house.person("boss", Role.ADMINISTRATOR)
    sign_in, people, now = house.services.sign_in, house.services.people, house.clock.now
    one, other = house.sign_in("ann"), house.sign_in("ann")
    third = sign_in.change_password(one.session, "seven green bottles", "ten red lamps", "-", now)
    for ended in (one, other):
        with pytest.raises(NotSignedIn):
            sign_in.current(ended.session, now)
    sign_in.current(third.session, now)
    for change in (
        lambda: people.set_role(CONSOLE, "ann", Role.REVIEWER),
        lambda: people.disable(CONSOLE, "ann"),
        lambda: people.reset_password(CONSOLE, "ann"),
    ):
        people.enable(CONSOLE, "ann")
        signed_in = house.sign_in("ann", "ten red lamps")
        change()
        with pytest.raises(NotSignedIn):
            sign_in.current(signed_in.session, now)


def test_sign_out(house) -> None:
    """Whoever signs out is out, and it is noted; nobody can be signed out twice."""
    house.person("ann")
    signed_in = house.sign_in("ann")
    for _ in range(2):
        house.services.sign_in.sign_out(signed_in.session)
    with pytest.raises(NotSignedIn):
        house.services.sign_in.current(signed_in.session, house.clock.now)
    assert [entry[1] for entry in house.actions()][1:] == ["person.sign-in", "person.sign-out"]


def test_disabled_person(house) -> None:
    """Nobody learns whether a name is unknown, disabled, or the password wrong."""
    house.person("ann")
    house.services.people.disable(CONSOLE, "ann")
    told = set()
    for name, password in (("ann", "seven green bottles"), ("ann", "x"), ("eve", "x"), ("\0", "")):
        with pytest.raises(NotSignedIn) as refused:
            house.sign_in(name, password)
        told.add(str(refused.value))
    assert len(told) == 1


def test_unknown_names_are_not_noted(house) -> None:
    """A password typed as a name does not end up in the audit log; a known name does."""
    house.person("ann")
    fail(house, "ann")
    fail(house, "hunter2hunter2")
    assert house.actions()[1:] == [
        ("anonymous", "person.sign-in-refused", "ann"),
        ("anonymous", "person.sign-in-refused", "unknown"),
    ]


def test_csrf() -> None:
    """A session's token fits this session alone."""
    from okng.services.sign_in import csrf_token

    check_csrf("one", csrf_token("one"))
    for token in (None, "", csrf_token("two"), csrf_token("one")[:-1], "é\ud800"):
        with pytest.raises(Forbidden):
            check_csrf("one", token)


def test_throttling_by_name(house) -> None:
    """After five failures each costs twice the wait of the one before, from any address."""
    house.person("ann")
    for index in range(5):
        fail(house, address=f"10.0.1.{index}")
    waits = []
    for index in range(12):
        with pytest.raises(TooMany) as refused:
            house.sign_in("ann", address=f"10.0.2.{index}")
        waits.append(refused.value.retry_seconds)
        house.clock.pass_by(seconds=waits[-1])
        fail(house, address=f"10.0.2.{index}")
    assert waits[:4] == [2, 3, 5, 9]
    assert waits[-1] == 901
    house.clock.pass_by(seconds=901)
    house.sign_in("ann")
    house.sign_in("ann")


def test_refused_attempts_do_not_count(house) -> None:
    """Knocking while one must wait does not make the wait longer."""
    house.person("ann")
    for _ in range(6):
        fail(house)
        house.clock.pass_by(seconds=1.1)
    for _ in range(50):
        with pytest.raises(TooMany):
            house.sign_in("ann")
    house.clock.pass_by(seconds=3)
    house.sign_in("ann")


def test_throttling_by_address(house) -> None:
    """Twenty failures with different names slow an address down, and its IPv6 neighbours."""
    house.person("ann")
    for index in range(20):
        fail(house, f"name{index}", f"2001:db8::{index}")
    with pytest.raises(TooMany):
        house.sign_in("ann", address="2001:db8::ffff")
    house.sign_in("ann", address="2001:db8:0:1::1")


def test_success_does_not_clear_an_address(house) -> None:
    """Whoever has an account of his own cannot wash his address with it."""
    house.person("eve")
    for index in range(19):
        fail(house, f"name{index}")
    house.sign_in("eve")
    fail(house, "name19")
    with pytest.raises(TooMany):
        house.sign_in("eve")


def test_a_known_browser_is_not_locked_out(house) -> None:
    """While others guess a person's password, the browser of his last sign-in lets him in."""
    house.person("ann")
    device = house.sign_in("ann", address="10.0.0.7").device
    for _ in range(10):
        fail(house, address="10.0.0.7")
        house.clock.pass_by(seconds=20)
    with pytest.raises(TooMany):
        house.sign_in("ann", address="10.0.0.7")
    again = house.sign_in("ann", address="10.0.0.7", device=device)
    assert again.device == device
    for _ in range(5):
        fail(house, device=device)
    with pytest.raises(TooMany):
        house.sign_in("ann", device=device)


def test_a_browser_is_known_for_its_person_alone(house) -> None:
    """A cookie of one person does not help to guess the password of another."""
    house.person("ann")
    house.person("eve")
    device = house.sign_in("eve").device
    for index in range(5):
        fail(house, address=f"10.0.1.{index}", device=device)
    with pytest.raises(TooMany):
        house.sign_in("ann", device=device)


def test_throttling_survives_a_restart(house) -> None:
    """Failures are counted in the database, not in the process."""
    house.person("ann")
    for _ in range(5):
        fail(house)
    quick = Argon2Passwords(rounds=1, memory_kib=8)
    restarted = people_services(house.database, Settings(), hashing=quick)
    with pytest.raises(TooMany):
        restarted.sign_in.sign_in("ann", "seven green bottles", "10.9.9.9", house.clock.now)


def test_guesses_at_the_same_time_all_count(house) -> None:
    """Of 24 guesses at once, five are tried."""
    house.person("ann")

    def guess(index: int) -> str:
        try:
            house.sign_in("ann", "wrong", f"10.1.1.{index}")
        except (NotSignedIn, TooMany) as refused:
            return refused.code
        return "in"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(24)))
    assert answers.count("not-signed-in") == 5
    assert answers.count("too-many-requests") == 19


def test_changing_a_password_is_throttled(house) -> None:
    """Whoever finds a browser signed in cannot guess the password there."""
    house.person("ann")
    sign_in, signed_in = house.services.sign_in, house.sign_in("ann")
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            sign_in.change_password(signed_in.session, "no", "ten red lamps", "-", house.clock.now)
    with pytest.raises(TooMany):
        sign_in.change_password(
            signed_in.session, "seven green bottles", "ten red lamps", "-", house.clock.now
        )


def test_failures_are_forgotten(house) -> None:
    """A day without failures is a fresh start, and the purge leaves nothing old behind."""
    house.person("ann")
    house.sign_in("ann")
    for _ in range(5):
        fail(house)
    house.clock.pass_by(hours=25)
    house.services.sign_in.purge(house.clock.now)
    assert house.services.sign_in.throttle.store.remove_older(house.clock.now) == 0
    assert house.services.sign_in.sessions.remove_of("ann") == 0
    for _ in range(4):
        fail(house)
    house.sign_in("ann")


def test_a_clock_set_back_locks_nobody(house) -> None:
    """The wait counts time passed in either direction."""
    from okng.domain.people_ports import Attempts

    now = house.clock.now
    assert wait_s(Attempts(9, now + timedelta(days=300)), 5, now) == 0
    assert wait_s(Attempts(500, now), 5, now) == 900
    assert wait_s(None, 5, now) == wait_s(Attempts(4, now), 5, now) == 0


def test_rehash(house) -> None:
    """A sign-in brings a password's hash up to today's parameters."""
    house.person("ann")
    sign_in = house.services.sign_in
    store = sign_in.people
    store.set_password("ann", Argon2Passwords(2, 16).hash("seven green bottles"), False)
    old = store.password_hash("ann")
    house.sign_in("ann")
    assert "m=16,t=2" in old
    assert "m=8,t=1" in store.password_hash("ann")
    house.sign_in("ann")
