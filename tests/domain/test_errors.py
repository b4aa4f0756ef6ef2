import pytest

from okng.domain import errors
from okng.domain.errors import MissingExtra, OkngError

ALL = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, OkngError)
]


@pytest.mark.parametrize("error", ALL)
def test_every_error_is_drawn_in_the_tree(error: type[OkngError]) -> None:
    """The tree at the top of the module shows each error."""
    assert f" {error.__name__} " in f"{errors.__doc__} ".replace("\n", " \n ")


def test_codes_are_different() -> None:
    """Programs can tell errors apart by code."""
    assert len({error.code for error in ALL}) == len(ALL)


def test_a_missing_extra_names_the_command() -> None:
    """It says what to type."""
    assert str(MissingExtra("OpenVINO", "openvino")) == (
        "OpenVINO is not installed: pip install 'okng[openvino]'"
    )
