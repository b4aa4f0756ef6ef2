"""Records as plain values for JSON, where they are not as the domain has them."""

from collections.abc import Mapping
from dataclasses import asdict

from okng.domain.calibration import Calibration
from okng.domain.records import InspectionRecord, Review

API = "/api/v1"


def calibration_record(calibration: Calibration) -> dict[str, object]:
    """Return a calibration without its scores but for their number."""
    plain = {
        **vars(calibration),
        "good_scores": len(calibration.good_scores),
        "defect_scores": len(calibration.defect_scores),
    }
    plain["promises"] = [{**vars(one), "text": str(one)} for one in calibration.promises]
    return plain


def inspection_record(
    record: InspectionRecord, more: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Return an inspection as `answers.InspectionAnswer` describes it, ready for JSON."""
    reviewed = record.reviewed
    place = f"{API}/inspections/{record.id}"
    return {
        "id": record.id,
        "at": record.at.isoformat(timespec="milliseconds"),
        "actor": record.actor,
        **record.inspection.record(),
        **asdict(record.context),
        "key": record.key,
        "reviewed": None if reviewed is None else reviewed.value,
        "defect": record.defect,
        "image_url": f"{place}/image" if record.image else None,
        "thumbnail_url": f"{place}/thumbnail" if record.thumbnail else None,
        **(more or {}),
    }


def review_record(review: Review) -> dict[str, object]:
    """Return a review as `answers.ReviewAnswer` describes it: its mask lies elsewhere."""
    plain = asdict(review)
    marked = plain.pop("mask_png") is not None
    place = f"{API}/inspections/{review.inspection_id}/reviews/{review.id}/mask"
    return {**plain, "mask_url": place if marked else None}
