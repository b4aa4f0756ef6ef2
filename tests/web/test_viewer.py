"""The viewer by itself: what it draws is okng's own overlay, and a tool gets the image's pixels."""

import numpy as np

from okng.algorithms import heatmap
from okng.domain.people import Role

SETUP = """async () => {
    const base = document.querySelector('link[rel=stylesheet]').href.replace('okng.css', '');
    window.okng = {
        ...await import(base + 'viewer.js'),
        ...await import(base + 'heatmap.js'),
        ...await import(base + 'inferno.js'),
    };
    const host = document.createElement('div');
    host.style.cssText = 'position: fixed; inset: 0; width: 400px; height: 400px; z-index: 99';
    host.className = 'viewer';
    document.body.append(host);
    const image = new OffscreenCanvas(200, 100);
    image.getContext('2d').fillRect(0, 0, 200, 100);
    okng.viewer = new okng.Viewer(host, 'test');
    okng.viewer.show(image);
}"""


def ready(visit):
    page = visit(Role.OPERATOR, "/inspect")
    page.evaluate(SETUP)
    return page


def test_colours_are_those_of_the_overlays(visit):
    """The table in the module is the one that okng's own overlays use."""
    page = ready(visit)
    assert page.evaluate("() => [...okng.INFERNO]") == list(
        heatmap._colours().astype(np.uint8).ravel().tolist()
    )


def test_a_map_is_enlarged_as_okng_does(visit):
    """Bilinear with half-pixel centres: within rounding what the overlay is made of."""
    page = ready(visit)
    small = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    large = page.evaluate(
        "data => [...okng.enlarge({data: Float32Array.from(data), width: 7, height: 5}, 70, 40)]",
        small.ravel().tolist(),
    )
    expected = heatmap.upsample(small, 40, 70)
    assert np.allclose(np.reshape(large, (40, 70)), expected, atol=2e-3)


def test_a_tool_gets_pixels_of_the_image(visit):
    """Pressed, moved and let go at places of the screen, it is told places of the image."""
    page = ready(visit)
    page.evaluate("""() => {
        okng.told = [];
        const note = kind => ({ x, y }) => okng.told.push([kind, Math.round(x), Math.round(y)]);
        okng.viewer.tool = { down: note('down'), move: note('move'), up: note('up') };
    }""")
    page.mouse.move(200, 200)
    page.mouse.down()
    page.mouse.move(300, 250)
    page.mouse.up()
    assert page.evaluate("() => okng.told") == [
        ["down", 100, 50], ["move", 150, 75], ["up", 150, 75],
    ]  # fmt: skip
    assert page.evaluate("() => okng.viewer.fitted")


def test_two_fingers_pinch(visit):
    """Apart they enlarge, about the place between them; what a tool had begun is cancelled."""
    page = ready(visit)
    before, after, cancelled = page.evaluate("""() => {
        const { viewer } = okng;
        let cancelled = 0;
        viewer.tool = { down() {}, move() {}, up() {}, cancel() { cancelled += 1; } };
        const send = (kind, id, x, y) => viewer.canvas.dispatchEvent(new PointerEvent(kind, {
            pointerId: id, clientX: x, clientY: y, pointerType: 'touch', bubbles: true,
        }));
        viewer.canvas.setPointerCapture = () => {};
        const before = [viewer.scale, viewer.toImage({ x: 200, y: 200 }).x];
        send('pointerdown', 1, 150, 200);
        send('pointerdown', 2, 250, 200);
        send('pointermove', 1, 100, 200);
        send('pointermove', 2, 300, 200);
        send('pointerup', 1, 100, 200);
        send('pointerup', 2, 300, 200);
        return [before, [viewer.scale, viewer.toImage({ x: 200, y: 200 }).x], cancelled];
    }""")
    assert after[0] / before[0] > 1.9
    assert abs(after[1] - before[1]) < 1
    assert cancelled == 1


def test_outlines_follow_the_threshold(visit):
    """A border runs where the map crosses the threshold, and along the map's edge."""
    page = ready(visit)
    inside = page.evaluate("""() => {
        const data = Float32Array.from({ length: 100 }, (_, i) => Number(i % 10 >= 5));
        const map = { data, width: 10, height: 10, low: 0, high: 1,
                      box: { x: 0, y: 0, width: 100, height: 100 } };
        const path = okng.outlines(map, 0.5);
        const context = new OffscreenCanvas(110, 110).getContext('2d');
        context.lineWidth = 3;
        const on = (x, y) => context.isPointInStroke(path, x, y);
        return [on(50, 50), on(99, 50), on(25, 50), on(75, 50), on(75, 0)];
    }""")
    assert inside == [True, True, False, False, True]
