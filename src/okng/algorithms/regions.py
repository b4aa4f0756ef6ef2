"""Where the map says that something is wrong."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from okng.algorithms.heatmap import upsample
from okng.domain.arrays import Floats
from okng.domain.dataset import GOOD
from okng.domain.verdict import Region
from okng.domain.view import Box

WORKING_SIZE = 256
"""Longest side at which maps are cut, in pixels; outlines gain nothing from more."""


def find_regions(anomaly_map: Floats, threshold: float, place: Box) -> tuple[Region, ...]:
    """Return the connected places above `threshold`, the highest peak first.

    A map with a value above the threshold has at least one region.

    Args:
        anomaly_map: float32 `[h, w]`, raw.
        threshold: in the units of the map.
        place: what the map covers, in pixels of the original image.
    """
    if not float(anomaly_map.max()) > threshold:
        return ()
    scale = min(1.0, WORKING_SIZE / max(place.height, place.width))
    height = max(anomaly_map.shape[0], round(place.height * scale))
    width = max(anomaly_map.shape[1], round(place.width * scale))
    fine = upsample(anomaly_map, height, width)
    if not float(fine.max()) > threshold:
        # A lone cell just above the threshold sinks below it between its neighbours.
        nearest = cv2.resize(anomaly_map, (width, height), interpolation=cv2.INTER_NEAREST)
        fine = np.asarray(nearest, np.float32)
    # As the verdict does, in double precision: a threshold need not be a float32.
    above = (fine > np.float64(threshold)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
    x_scale, y_scale = place.width / width, place.height / height
    regions = []
    for i in range(1, count):
        left, top, columns, rows, area = (int(value) for value in stats[i])
        inside = labels[top : top + rows, left : left + columns] == i
        peak = float(fine[top : top + rows, left : left + columns][inside].max())
        x0, x1 = _cover(left, columns, place.width, width)
        y0, y1 = _cover(top, rows, place.height, height)
        box = Box(place.x + x0, place.y + y0, x1 - x0, y1 - y0)
        regions.append(Region(box, max(1, round(area * x_scale * y_scale)), peak))
    return tuple(sorted(regions, key=lambda region: -region.peak_score))


def named(regions: tuple[Region, ...], classes: Mapping[str, float]) -> tuple[Region, ...]:
    """Give regions the name of the most probable defect; `classes` has the classes' probabilities.

    An image has one answer, so all of its regions have one name; none where no class is known.
    """
    defects = {name: share for name, share in classes.items() if name != GOOD}
    if not defects:
        return regions
    kind = max(defects, key=defects.__getitem__)
    return tuple(replace(region, kind=kind) for region in regions)


def _cover(start: int, count: int, length_px: int, cells: int) -> tuple[int, int]:
    """Return the first pixel of some of `cells` cells over `length_px`, and the one after them."""
    end = start + count
    return start * length_px // cells, -(-end * length_px // cells)
