"""`okng.detectors.copies`."""

import cv2
import numpy as np
import pytest

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.algorithms.alteration import Alteration, altered
from okng.detectors.copies import ALTERED, MOST_COPIES, altered_copies, turned_copies
from okng.detectors.images import Chosen, Copy, WithCopies
from okng.detectors.memory import Memory
from okng.domain.arrays import Mask, Pixels
from okng.domain.ports import Trained, silent
from okng.domain.view import MASKED
from okng.testing.images import ArrayImages, good_parts

RUNTIME = OnnxRuntime(OnnxRuntime.Config())
SIZE = 128


def key(index: int, degrees: float = 0.0) -> Pixels:
    """Draw a key: nothing of it is the same when it is turned."""
    rng = np.random.default_rng(index)
    picture = np.full((SIZE, SIZE, 3), 90, np.uint8)
    cv2.rectangle(picture, (58, 30), (70, 110), (190, 180, 160), cv2.FILLED)
    cv2.rectangle(picture, (70, 30), (100, 42), (150, 190, 160), cv2.FILLED)
    cv2.circle(picture, (64, 104), 14, (180, 150, 120), cv2.FILLED)
    noise = rng.normal(0, 3, picture.shape)
    return altered(np.clip(picture + noise, 0, 255).astype(np.uint8), Alteration(degrees))


def train(pixels: list[Pixels], inspected: Mask | None = None, **settings: object) -> Trained:
    images = ArrayImages(pixels, inspected)
    return Memory(Memory.Config(**{"altered": 0, **settings}), RUNTIME).train(images, None, silent)


def test_parts_that_lie_the_same_are_learned_once() -> None:
    """No copies where good images gain nothing from them."""
    assert train([key(i) for i in range(16)]).facts["turns"] == 1


def test_parts_that_come_turned_are_learned_at_more_angles() -> None:
    """At any angle: at eight."""
    angles = np.random.default_rng(1).uniform(0, 360, 24)
    trained = train([key(i, float(angle)) for i, angle in enumerate(angles)])
    assert trained.facts["turns"] == 8


def test_parts_that_come_upside_down_are_learned_at_two_angles_or_more() -> None:
    """Half of them turned by 180 degrees, each shown one way only."""
    trained = train([key(i, 180.0 * (i in (1, 2, 5))) for i in range(8)])
    assert trained.facts["turns"] in (2, 4, 8)


def test_copies_do_not_crowd_out_the_images() -> None:
    """Where the images fill the bank, nothing is turned; else copies only fill it up."""
    angles = np.random.default_rng(1).uniform(0, 360, 24)
    pixels = [key(i, float(angle)) for i, angle in enumerate(angles)]
    cells = train(pixels[:1], turns=1, smallest_bank=1, bank_share=1).facts["bank"]
    full, half = (
        train(pixels, smallest_bank=1, bank_size=int(0.1 * images * int(cells))).facts
        for images in (40, 90)
    )
    assert (full["turns"], half["turns"]) == (1, 8)
    assert full["bank"] == round(0.1 * 24 * int(cells))
    assert half["bank"] <= 0.1 * 90 * int(cells) < 0.1 * 24 * 8 * int(cells)


def test_a_turned_part_is_normal_once_turns_are_learned() -> None:
    """A part at an angle that no image shows scores lower with eight turns than with one."""
    pixels = [key(i) for i in range(6)]
    new = key(50, 135.0)[None]
    one, eight = (
        float(RUNTIME.load(train(pixels, turns=turns).graph).run({"image": new})["score"][0])
        for turns in (1, 8)
    )
    assert eight < 0.7 * one


def test_a_mask_that_would_move_forbids_turns() -> None:
    """Where the mask hides one side, turned copies would show what is hidden."""
    inspected = np.ones((SIZE, SIZE), bool)
    inspected[:, :40] = False
    angles = np.random.default_rng(1).uniform(0, 360, 12)
    trained = train([key(i, float(angle)) for i, angle in enumerate(angles)], inspected)
    assert trained.facts["turns"] == 1


def test_turns_can_be_said() -> None:
    """The bank then holds cells of every copy."""
    pixels = [key(i) for i in range(3)]
    once, thrice = (train(pixels, turns=turns).facts for turns in (1, 3))
    assert (once["turns"], thrice["turns"]) == (1, 3)
    assert thrice["bank"] == 3 * int(once["bank"])


def test_copies_share_the_fold_of_their_image() -> None:
    """An image is never scored against a copy of itself: twins in one fold stay strangers."""
    pixels = list(good_parts(4, SIZE))
    images = ArrayImages(pixels)
    detector = Memory(Memory.Config(turns=4, altered=0), RUNTIME)
    fitted = detector.train(images, [0, 0, 1, 1], silent).cross_fitted
    assert fitted is not None
    for own, rest in (([0, 1], [2, 3]), ([2, 3], [0, 1])):
        graph = Memory(Memory.Config(turns=4, altered=0), RUNTIME).train(
            Chosen(images, rest), None, silent
        )
        session = RUNTIME.load(graph.graph)
        for i in own:
            found = float(session.run({"image": images[i][None]})["score"][0])
            assert fitted[i] == pytest.approx(found, rel=1e-4)


def test_copies_come_after_the_images_and_know_their_origin() -> None:
    """`WithCopies` numbers images first, then copies."""
    images = ArrayImages(good_parts(2, 64))
    everything = WithCopies(images, [Copy(1, Alteration(90.0))])
    assert len(everything) == 3
    assert everything.origins == [0, 1, 1]
    assert np.array_equal(everything[2], np.rot90(images[1]))


def test_copies_are_evenly_spread() -> None:
    """Three turns are two copies of each image, a third of a circle apart."""
    for count in (1, 2, 4, 5):
        wanted = {Copy(of, Alteration(angle)) for of in range(count) for angle in (120.0, 240.0)}
        assert set(turned_copies(count, 3)) == wanted
        assert len(turned_copies(count, 3)) == len(wanted)
    assert turned_copies(5, 1) == ()


@pytest.mark.parametrize("count", [147, 400, 5000])
def test_copies_are_bounded_and_then_spread_over_images_and_angles(count: int) -> None:
    """No more than are stated, all different, with every angle and as many images as there can."""
    copies = turned_copies(count, 8)
    assert len(copies) == len(set(copies)) == MOST_COPIES
    assert len({copy.of for copy in copies}) == min(count, MOST_COPIES)
    shown = np.unique([copy.alteration.degrees for copy in copies], return_counts=True)[1]
    assert len(shown) == 7
    assert shown.max() <= 1.3 * shown.min()


def test_the_trial_is_deterministic() -> None:
    """The same images give the same graph."""
    pixels = [key(i, 40.0 * i) for i in range(6)]
    first, again = (train(pixels, bank_size=60) for _ in range(2))
    assert first.facts["turns"] == again.facts["turns"]
    assert first.graph == again.graph


def test_copies_hide_what_the_mask_hides() -> None:
    """What a turn brings behind the mask is masked again."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    disc = np.hypot(y, x) < 40
    turned_copy = WithCopies(ArrayImages([key(0)], disc), [Copy(0, Alteration(45.0))])[1]
    assert (turned_copy[~disc] == MASKED).all()
    assert turned_copy[disc].std() > 0


def test_few_images_that_differ_in_place_and_light_are_altered() -> None:
    """Parts that lie a little otherwise each time are learned with copies that do the same."""
    rng = np.random.default_rng(3)
    ways = [
        Alteration(float(a), float(x), float(y), 1 + float(g))
        for a, x, y, g in rng.uniform(-1, 1, (6, 4)) * (2, 0.02, 0.02, 0.05)
    ]
    pixels = [altered(key(i), way) for i, way in enumerate(ways)]
    assert train(pixels, turns=1, altered="auto").facts["altered"] == ALTERED


def test_few_images_that_are_alike_are_not_altered() -> None:
    """Where every part lies the same, copies that do not would teach what never comes."""
    assert train([key(i) for i in range(6)], turns=1, altered="auto").facts["altered"] == 0


def test_many_images_speak_for_themselves() -> None:
    """Above sixteen nothing is altered unless somebody says so."""
    pixels = [key(i) for i in range(17)]
    assert train(pixels, turns=1, altered="auto").facts["altered"] == 0
    assert train(pixels[:2], turns=1, altered=3).facts["altered"] == 3


def test_altered_copies_are_of_every_image_and_differ() -> None:
    """As many of each; the seed decides which."""
    copies = altered_copies(3, 4, seed=1)
    assert np.bincount([copy.of for copy in copies]).tolist() == [4, 4, 4]
    assert len(set(copies)) == len(copies)
    assert altered_copies(3, 4, seed=1) == copies
    assert altered_copies(3, 4, seed=2) != copies
    assert len(altered_copies(600, 4, seed=1)) <= MOST_COPIES
