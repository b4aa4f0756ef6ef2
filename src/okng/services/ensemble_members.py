"""Which models can be joined, and how their scores come to one scale."""

from collections.abc import Sequence
from hashlib import sha256

from okng.domain.calibration import Evidence, Subject
from okng.domain.errors import BadSetting
from okng.domain.model import Model
from okng.graphs.fusion import MapScale

MOST_MEMBERS = 8


def check_members(members: Sequence[Model]) -> None:
    """Refuse what cannot be joined.

    Raises:
        BadSetting: too few or too many, one twice, other views, or scores of another kind.
    """
    if not 2 <= len(members) <= MOST_MEMBERS:
        raise BadSetting(
            f"an ensemble has 2 to {MOST_MEMBERS} members, not {len(members)}; name others"
        )
    first = members[0]
    seen: dict[str, str] = {}
    for member in members:
        digest = sha256(member.graph).hexdigest()
        if digest in seen:
            raise BadSetting(
                f"{seen[digest]} and {member.name} are the same graph, which would count twice: "
                "name it once"
            )
        seen[digest] = member.name
        if member.manifest.calibration.evidence is Evidence.ALTERED:
            raise BadSetting(
                f"{member.name} learned one single part, so nobody knows what it makes of others: "
                "train it with more"
            )
        _check_view(first, member)
        if kinds_alone(member) != kinds_alone(first):
            raise BadSetting(
                f"{first.name} and {member.name} cannot be joined: a model that knows kinds of "
                "defect alone, and no good part, goes with others of the same kinds only"
            )


def _check_view(first: Model, member: Model) -> None:
    one, other = first.manifest.view, member.manifest.view
    if one == other:
        return
    said = f"{first.name}: {one}; {member.name}: {other}"
    if str(one) == str(other):
        said = f"the masks of {first.name} and {member.name} differ"
    raise BadSetting(
        f"members of an ensemble must see images alike, and these do not ({said}): train them "
        "with the same --size, --roi, --mask and --prepare"
    )


def kinds_alone(member: Model) -> tuple[str, ...] | None:
    """Return the kinds of a model that knows no good part; None for others."""
    card = member.manifest.classes
    is_doubt = member.manifest.calibration.subject is Subject.KIND
    return card.names if card is not None and is_doubt else None


def shared_classes(members: Sequence[Model]) -> tuple[str, ...] | None:
    """Return the classes where all members name the same ones; else None."""
    names = {m.manifest.classes.names if m.manifest.classes else None for m in members}
    return names.pop() if len(names) == 1 else None


def probable_scales(members: Sequence[Model]) -> list[MapScale] | None:
    """Return scales where all scores speak of probabilities; None where some are distances.

    Log-odds are divided by the temperature that makes them as sure as they are right; doubts are
    on one scale as they are.
    """
    cards = [one.manifest.classes for one in members]
    known = [card for card in cards if card is not None]
    if len(known) < len(cards):
        return None
    if kinds_alone(members[0]) is not None:
        return [MapScale(0, 1)] * len(known)
    return [MapScale(0, card.temperature) for card in known]
