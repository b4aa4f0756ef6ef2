"""The one place that builds adapters and hands them to services; also okng's Python interface.

```python
import okng

okng.train("parts/bottle")
inspector = okng.load("bottle")
inspection = inspector.inspect("new.png")
print(inspection.verdict, inspection.score, inspection.regions)
```
"""

from okng.bootstrap.building import installed_runtimes, runtime, store
from okng.bootstrap.camera_export import CameraExport, export_for_camera
from okng.bootstrap.demo import DEMO_EDITION, DEMO_PER_DEFECT, DEMO_TEST_GOOD, render_demo
from okng.bootstrap.exchange import approval, export_model, import_model
from okng.bootstrap.judging import (
    bench,
    calibrate,
    evaluate,
    labelled_tests,
    load,
    read_as_trained,
    score_defects,
    write_report,
)
from okng.bootstrap.preview import Preview, preview_training
from okng.bootstrap.tiers import TIERS, TierTime, measure_tiers, settled
from okng.bootstrap.training import (
    draw_curves,
    network_layers,
    train,
    train_dataset,
    training_advice,
)
from okng.bootstrap.training_options import DEFAULT_SIZE, TrainingOptions, make_view

__all__ = [
    "DEFAULT_SIZE",
    "DEMO_EDITION",
    "DEMO_PER_DEFECT",
    "DEMO_TEST_GOOD",
    "TIERS",
    "CameraExport",
    "Preview",
    "TierTime",
    "TrainingOptions",
    "approval",
    "bench",
    "calibrate",
    "draw_curves",
    "evaluate",
    "export_for_camera",
    "export_model",
    "import_model",
    "installed_runtimes",
    "labelled_tests",
    "load",
    "make_view",
    "measure_tiers",
    "network_layers",
    "preview_training",
    "read_as_trained",
    "render_demo",
    "runtime",
    "score_defects",
    "settled",
    "store",
    "train",
    "train_dataset",
    "training_advice",
    "write_report",
]
