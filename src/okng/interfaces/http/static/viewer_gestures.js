/** Wheel, drag, pinch and keys move a viewer's picture; its tool, if any, gets the first pointer. */

const STEP_PX = 60;
const ZOOM_STEP = 1.25;

const KEYS = {
  "+": (viewer) => viewer.zoom(ZOOM_STEP),
  "=": (viewer) => viewer.zoom(ZOOM_STEP),
  "-": (viewer) => viewer.zoom(1 / ZOOM_STEP),
  0: (viewer) => viewer.fit(),
  1: (viewer) => viewer.zoom(1 / viewer.scale),
  ArrowLeft: (viewer) => viewer.pan(STEP_PX, 0),
  ArrowRight: (viewer) => viewer.pan(-STEP_PX, 0),
  ArrowUp: (viewer) => viewer.pan(0, STEP_PX),
  ArrowDown: (viewer) => viewer.pan(0, -STEP_PX),
};

/** Listen on a viewer's canvas. */
export function attachGestures(viewer) {
  const { canvas } = viewer;
  const pointers = new Map();
  let drawing = false;

  const here = (event) => {
    const frame = canvas.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  };

  canvas.addEventListener("wheel", (event) => {
    if (viewer.image === null) return;
    event.preventDefault();
    // A pinch on a touchpad comes as a wheel with Ctrl, in small steps.
    const speed = event.ctrlKey ? 0.01 : 0.0018;
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 * event.deltaY : event.deltaY;
    viewer.zoom(Math.exp(-speed * pixels), here(event));
  }, { passive: false });

  // A finger that leaves in full motion would throw what it drew, and the next tap only stop that.
  canvas.addEventListener("touchmove", (event) => {
    if (viewer.tool !== null) event.preventDefault();
  }, { passive: false });

  canvas.addEventListener("pointerdown", (event) => {
    if (viewer.image === null) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, here(event));
    const first = pointers.size === 1 && event.button === 0 && !event.altKey;
    if (viewer.tool !== null && first) {
      drawing = true;
      viewer.tool.down(viewer.toImage(here(event)), event);
    } else if (drawing) {
      drawing = false; // a second finger: this is a pinch
      viewer.tool?.cancel?.();
    }
    canvas.classList.toggle("dragging", !drawing);
  });

  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    const now = here(event);
    if (before === undefined) {
      viewer.tool?.hover?.(viewer.toImage(now), event);
      return;
    }
    if (drawing) {
      pointers.set(event.pointerId, now);
      viewer.tool?.move(viewer.toImage(now), event);
      return;
    }
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (other === undefined) {
      viewer.pan(now.x - before.x, now.y - before.y);
      return;
    }
    const apart = (a) => Math.hypot(a.x - other.x, a.y - other.y) || 1;
    viewer.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    viewer.zoom(apart(now) / apart(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  });

  const ended = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (drawing) {
      drawing = false;
      if (event.type === "pointerup") viewer.tool?.up(viewer.toImage(here(event)), event);
      else viewer.tool?.cancel?.();
    }
    canvas.classList.remove("dragging");
  };
  canvas.addEventListener("pointerup", ended);
  canvas.addEventListener("pointercancel", ended);

  canvas.addEventListener("dblclick", (event) => {
    if (viewer.image === null || viewer.tool !== null) return;
    if (viewer.fitted) viewer.zoom(Math.max(3, 1 / viewer.scale), here(event));
    else viewer.fit();
  });

  canvas.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && viewer.cross.wants(event)) {
      event.preventDefault();
      event.stopImmediatePropagation(); // a page's own use of these keys comes after
      viewer.cross.press(event);
      return;
    }
    const act = KEYS[event.key];
    if (act === undefined || viewer.image === null || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act(viewer);
  });
}
