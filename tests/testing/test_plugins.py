import pytest
from pydantic import BaseModel, ConfigDict, Field

from okng.testing.plugins import check_config


def plugin(config: object) -> type:
    return type("Plugin", (), {"Config": config})


class Good(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    size: int = Field(3, title="Size", description="How large.")


class Open(BaseModel):
    model_config = ConfigDict(frozen=True)
    size: int = Field(3, title="Size", description="How large.")


class Changeable(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = Field(3, title="Size", description="How large.")


class Silent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    size: int = Field(3, title="Size")


class Demanding(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    size: int = Field(title="Size", description="How large.")


def test_described_settings_pass() -> None:
    """Closed, unchangeable and described settings with defaults pass."""
    check_config(plugin(Good))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (None, "needs a Config"),
        (dict, "pydantic"),
        (Open, "unknown settings"),
        (Changeable, "unchangeable"),
        (Silent, "size needs a description"),
        (Demanding, "size needs a default"),
    ],
)
def test_other_settings_fail(config: object, reason: str) -> None:
    """Settings that lack something fail with what it is."""
    with pytest.raises(AssertionError, match=reason):
        check_config(plugin(config))
