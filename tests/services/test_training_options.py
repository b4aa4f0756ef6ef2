import json
from base64 import b64decode, b64encode
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from okng.bootstrap import TrainingOptions, make_view
from okng.domain.errors import BadRequest
from okng.domain.view import Box
from okng.services.training_options import JobOptions
from okng.services.training_plan import CalibrationPlan
from okng.settings import Settings

sides = st.integers(1, 4096)
boxes = st.builds(Box, st.integers(0, 9), st.integers(0, 9), sides, sides)


def _mask(*values: int) -> str:
    """Return a mask of one row in base64."""
    file = BytesIO()
    Image.fromarray(np.array([values], np.uint8)).save(file, "PNG")
    return b64encode(file.getvalue()).decode()


@given(
    st.builds(
        JobOptions,
        detector=st.sampled_from(["memory", "gaussian", "fusion"]),
        config=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)),
        size=st.tuples(sides, sides),
        tile=st.none() | st.fixed_dictionaries({"tile_px": sides}),
        roi=st.none() | boxes,
        mask_png=st.sampled_from([None, _mask(0, 255)]),
        prepare=st.sampled_from([(), ("grey", "clahe=2")]),
        max_overkill=st.floats(0.001, 0.9),
        calibration=st.sampled_from(CalibrationPlan),
        group_pattern=st.sampled_from([None, r"(\d+)_"]),
        seed=st.integers(0, 2**32 - 1),
    )
)
def test_plain_values_come_back(options: JobOptions) -> None:
    """What is kept as JSON with a job is read back as it was."""
    assert JobOptions.read(json.loads(json.dumps(options.plain()))) == options


def test_everything_has_a_default() -> None:
    """No option need be given, and what is not given is as in `okng train`."""
    assert JobOptions.read({}) == JobOptions()
    assert JobOptions.read({"roi": None, "group_pattern": None}) == JobOptions()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"mask": "x"}, "no option 'mask'"),
        ({"detector": "../x"}, "detector"),
        ({"detector": 3}, "detector"),
        ({"config": [1]}, "config"),
        ({"size": 256}, "size"),
        ({"size": [0, 256]}, "size"),
        ({"size": [256, 20_001]}, "size"),
        ({"tile": 512}, "tile"),
        ({"tile": [512, 64]}, "tile"),
        ({"size": [True, 256]}, "size"),
        ({"roi": [1, 2, 3, 4]}, "roi"),
        ({"roi": {"x": -1, "y": 0, "width": 5, "height": 5}}, "roi.x"),
        ({"mask_png": "x"}, "mask_png must be the base64 of a PNG"),
        ({"mask_png": 3}, "mask_png"),
        ({"mask_png": _mask(0)}, "black all over"),
        ({"prepare": "grey"}, "prepare must be a list"),
        ({"prepare": ["grey", 3]}, "prepare must be a list"),
        ({"prepare": ["sharpen"]}, "prepare: there is no 'sharpen'"),
        ({"max_overkill": 0}, "max_overkill"),
        ({"max_overkill": "much"}, "max_overkill"),
        ({"confidence": float("nan")}, "confidence"),
        ({"margin": -1}, "margin"),
        ({"calibration": "perhaps"}, "calibration"),
        ({"calibration": ["auto"]}, "calibration"),
        ({"group_pattern": "("}, "group_pattern"),
        ({"group_pattern": "abc"}, "needs a group"),
        ({"group_pattern": "(a)" * 100}, "group_pattern"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_what_cannot_be_used(values: dict[str, object], said: str) -> None:
    """An option that cannot work is refused when the job is sent, and named."""
    with pytest.raises(BadRequest, match=said):
        JobOptions.read(values)


def test_a_mask_in_memory_is_as_one_in_a_file(tmp_path) -> None:
    """What was drawn in a browser hides what the same file would."""
    drawn = b64decode(_mask(0, 0, 255, 255))
    file = tmp_path / "mask.png"
    file.write_bytes(drawn)
    views = [make_view(TrainingOptions(mask=one), Settings(), (4, 1)) for one in (drawn, file)]
    assert views[0] == views[1]
    assert views[0].mask_png is not None
