"""Train again with labels: a candidate beside the champion, and its promotion."""

import pytest

from okng.algorithms.pictures import png
from okng.domain.people import Principal, Right, Role
from okng.domain.verdict import Verdict
from okng.services.trigger import Trigger
from okng.testing.images import good_parts

ADMIN = Principal("admin", frozenset(Right))


@pytest.fixture
def labelled(site):
    """Let ten new kinds of good parts be inspected and reviewed as OK; return their records."""
    made = []
    for number in range(10):
        other = 255 - good_parts(1, 128, start=90 + number)[0]
        trigger = Trigger(png(other), f"other-{number}.png")
        record = site.service.inspect.inspect("flange", trigger, ADMIN).record
        assert record.inspection.verdict is not Verdict.OK
        site.service.reviews.review(record.id, Verdict.OK, None, "", ADMIN)
        made.append(record)
    return made


def test_labels_become_a_candidate_that_is_promoted(visit, site, labelled, check_axe):
    """An engineer trains again, sees both models on what was held out, and promotes."""
    page = visit(Role.ENGINEER, "/review?product=flange")
    page.get_by_role("link", name="Train again").click()
    page.get_by_text("Reviewers have looked at").wait_for()
    check_axe(page)
    page.get_by_role("button", name="Train again").click()
    promote = page.get_by_role("button", name="Promote")
    page.locator("#promote:not(:disabled)").wait_for(timeout=120_000)
    fair = site.service.train_again.overview("flange", ADMIN).compared
    assert page.locator("#rows tr").count() == max(1, len(fair))
    check_axe(page)
    aliases = site.service.models.aliases("flange", ADMIN)
    candidate = aliases["candidate"]
    assert aliases["champion"] == "flange-1"
    (job, *_) = site.service.jobs.page(ADMIN, "flange").items
    assert job.model == candidate
    counts = site.service.datasets.get(job.dataset_id, ADMIN).counts
    held = sum(one.reviewed is Verdict.OK for one in fair)
    assert counts["train/good"] >= 10 + len(labelled) - held
    promote.click()
    page.get_by_text("inspects from now on").wait_for()
    assert site.service.models.aliases("flange", ADMIN)["champion"] == candidate
    again = [site.service.again.inspection(one.id, ADMIN, candidate) for one in labelled]
    assert sum(one.verdict is Verdict.OK for one in again) > len(labelled) // 2
    site.service.models.remove_alias("flange", "champion", ADMIN)
    site.service.models.remove_alias("flange", "candidate", ADMIN)
    site.service.models.delete("flange", int(candidate.rpartition("-")[2]), ADMIN)
    site.service.datasets.delete(job.dataset_id, ADMIN)


def test_who_may(visit, site):
    """A reviewer is offered no training, and the page says so to whoever finds it."""
    page = visit(Role.REVIEWER, "/review?product=flange")
    assert page.get_by_role("link", name="Train again").count() == 0
    page.goto("/review/train?product=flange")
    page.get_by_text("This is not yours to do").wait_for()
    visit.faults.clear()  # the browser notes the 403
