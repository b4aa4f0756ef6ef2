"""What every plug-in's class must have beside it, so that forms and documents can be made of it."""

from typing import Any

from pydantic import BaseModel, ValidationError


def check_config(plugin_class: Any) -> None:
    """Check the settings of a plug-in: described, all with defaults, closed and unchangeable.

    Raises:
        AssertionError: they are not.
    """
    name = plugin_class.__name__
    config = getattr(plugin_class, "Config", None)
    assert isinstance(config, type), f"{name} needs a Config beside it"
    assert issubclass(config, BaseModel), f"{name}.Config must be a pydantic model"
    for field, info in config.model_fields.items():
        assert not info.is_required(), f"{name}.Config: {field} needs a default"
        assert info.title, f"{name}.Config: {field} needs a title"
        assert info.description, f"{name}.Config: {field} needs a description"
    made = config()
    try:
        config.model_validate({"no_such_setting": 1})
    except ValidationError:
        pass
    else:
        raise AssertionError(f"{name}.Config must refuse unknown settings (extra='forbid')")
    again = config.model_validate(made.model_dump(mode="json"))
    assert again == made, f"{name}.Config must survive the way through JSON"
    assert config.model_config.get("frozen"), f"{name}.Config must be unchangeable (frozen=True)"
