import pytest

from okng import plugins
from okng.domain.errors import MissingExtra
from okng.domain.ports import Runtime


@pytest.fixture(params=plugins.names("runtime"), scope="session")
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Return each runtime that is shipped, in turn."""
    runtime_class = plugins.load("runtime", request.param)
    try:
        return runtime_class(runtime_class.Config())
    except MissingExtra as error:
        pytest.skip(str(error))
