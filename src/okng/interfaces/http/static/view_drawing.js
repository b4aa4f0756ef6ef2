/**
 * Where a model looks, drawn on an image: a box around what counts, and areas that are hidden.
 *
 * It is a layer of a viewer and, while a tool is chosen, the viewer's tool. All in pixels of the image.
 */

const GRIP_PX = 14;
const LEAST_PX = 8;
const DIM = "rgb(10 14 18 / 62%)";
const HIDDEN = "rgb(192 68 0 / 55%)";
const LINE = "#ffffff";
const HALO = "rgb(16 16 20 / 85%)";
const CHOSEN = "#56b4e9";

export class ViewDrawing extends EventTarget {
  /** @param {Viewer} viewer it draws on */
  constructor(viewer) {
    super();
    this.viewer = viewer;
    viewer.layers.push(this);
    this.box = null;
    /** Areas that are hidden: `{kind: "brush", width, points}` or `{kind: "polygon", points}`. */
    this.hidden = [];
    this.polygon = null;
    this.brushShare = 0.04;
    this.mode = "look";
    this.past = [];
    this.grip = null;
  }

  /** Choose what the pointer does: look, box, brush or polygon. */
  choose(mode) {
    this.#finishPolygon();
    this.mode = mode;
    this.viewer.tool = mode === "look" ? null : this;
    this.viewer.canvas.dataset.tool = mode;
    this.viewer.redraw();
  }

  /** Set the box, clipped to the image; null looks at all of it. */
  setBox(box) {
    this.#remember();
    this.box = box === null ? null : this.#clipped(box);
    this.#changed();
  }

  /** Take back the last change; a polygon that is being drawn loses its last corner. */
  undo() {
    if (this.polygon !== null) {
      this.polygon.pop();
      if (this.polygon.length === 0) this.polygon = null;
    } else if (this.past.length > 0) {
      Object.assign(this, this.past.pop());
    }
    this.#changed();
  }

  /** Look at all of the image again. */
  clear() {
    this.#remember();
    Object.assign(this, { box: null, hidden: [], polygon: null });
    this.#changed();
  }

  /** Whether there is something to take back, or to clear. */
  get canUndo() {
    return this.past.length > 0 || this.polygon !== null;
  }

  get isEmpty() {
    return this.box === null && this.hidden.length === 0 && this.polygon === null;
  }

  /** Return a PNG of the image's size, black where nothing is inspected; null where all is. */
  async mask() {
    this.#finishPolygon();
    if (this.hidden.length === 0) return null;
    const { width, height } = this.viewer.size;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    for (const shape of this.hidden) paint(context, shape, "#000");
    return canvas.convertToBlob({ type: "image/png" });
  }

  // The viewer's tool.

  /** Corner after corner: a key that presses lets go at once. */
  get taps() {
    return this.mode === "polygon";
  }

  down(point) {
    if (this.mode === "box") this.#grab(point);
    else if (this.mode === "brush") {
      this.#remember();
      const side = Math.max(this.viewer.size.width, this.viewer.size.height);
      this.hidden = [...this.hidden, { kind: "brush", width: this.brushShare * side, points: [point] }];
    } else if (this.mode === "polygon") this.#corner(point);
    this.viewer.redraw();
  }

  move(point) {
    if (this.mode === "box") this.#drag(point);
    else if (this.mode === "brush") this.hidden.at(-1)?.points.push(point);
    this.viewer.redraw();
  }

  up(point) {
    if (this.mode === "box" && this.grip !== null) {
      this.#drag(point);
      const small = this.box !== null && (this.box.width < LEAST_PX || this.box.height < LEAST_PX);
      if (small) Object.assign(this, this.past.pop());
      this.grip = null;
    }
    if (this.mode !== "polygon") this.#changed();
  }

  cancel() {
    if (this.mode !== "polygon" && this.past.length > 0) Object.assign(this, this.past.pop());
    this.grip = null;
    this.#changed();
  }

  /** Close the polygon that is being drawn; fewer than three corners are none. */
  finish() {
    this.#finishPolygon();
    this.#changed();
  }

  // The viewer's layer.

  draw(context, viewer) {
    const unit = 1 / viewer.scale;
    for (const shape of this.hidden) paint(context, shape, HIDDEN);
    if (this.polygon !== null) this.#drawPolygon(context, unit);
    if (this.box === null) return;
    const { x, y, width, height } = this.box;
    const around = new Path2D();
    around.rect(0, 0, viewer.size.width, viewer.size.height);
    around.rect(x, y, width, height);
    context.fillStyle = DIM;
    context.fill(around, "evenodd");
    const edge = new Path2D();
    edge.rect(x, y, width, height);
    stroke(context, edge, unit);
    if (this.mode !== "box") return;
    for (const corner of corners(this.box)) {
      context.fillStyle = CHOSEN;
      context.strokeStyle = HALO;
      context.lineWidth = 2 * unit;
      context.beginPath();
      context.arc(corner.x, corner.y, 6 * unit, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  #drawPolygon(context, unit) {
    const path = new Path2D();
    this.polygon.forEach(({ x, y }, i) => (i === 0 ? path.moveTo(x, y) : path.lineTo(x, y)));
    stroke(context, path, unit);
    for (const { x, y } of this.polygon) {
      context.fillStyle = CHOSEN;
      context.beginPath();
      context.arc(x, y, 5 * unit, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** Begin with the box: at a corner it is resized, inside it is moved, elsewhere drawn anew. */
  #grab(point) {
    this.#remember();
    const near = GRIP_PX / this.viewer.scale;
    if (this.box !== null) {
      const all = corners(this.box);
      const taken = all.findIndex((one) => Math.hypot(one.x - point.x, one.y - point.y) <= near);
      if (taken >= 0) {
        this.grip = { anchor: all[(taken + 2) % 4] };
        return;
      }
      if (inside(this.box, point)) {
        this.grip = { from: point, box: this.box };
        return;
      }
    }
    this.grip = { anchor: point };
  }

  #drag(point) {
    if (this.grip === null) return;
    const { anchor, from, box } = this.grip;
    if (anchor !== undefined) {
      this.box = this.#clipped({
        x: Math.min(anchor.x, point.x), y: Math.min(anchor.y, point.y),
        width: Math.abs(anchor.x - point.x), height: Math.abs(anchor.y - point.y),
      });
      return;
    }
    const { width, height } = this.viewer.size;
    this.box = {
      ...box,
      x: Math.round(Math.min(Math.max(0, box.x + point.x - from.x), width - box.width)),
      y: Math.round(Math.min(Math.max(0, box.y + point.y - from.y), height - box.height)),
    };
  }

  #corner(point) {
    const near = GRIP_PX / this.viewer.scale;
    const first = this.polygon?.[0];
    const closes = first && this.polygon.length > 2 && Math.hypot(first.x - point.x, first.y - point.y) <= near;
    if (closes) this.#finishPolygon();
    else this.polygon = [...(this.polygon ?? []), point];
    this.#changed();
  }

  #finishPolygon() {
    const { polygon } = this;
    this.polygon = null;
    if (polygon === null || polygon.length < 3) return;
    this.#remember();
    this.hidden = [...this.hidden, { kind: "polygon", points: polygon }];
  }

  #clipped({ x, y, width, height }) {
    const { size } = this.viewer;
    const left = Math.round(Math.min(Math.max(0, x), size.width - 1));
    const top = Math.round(Math.min(Math.max(0, y), size.height - 1));
    return {
      x: left, y: top,
      width: Math.max(1, Math.round(Math.min(x + width, size.width)) - left),
      height: Math.max(1, Math.round(Math.min(y + height, size.height)) - top),
    };
  }

  #remember() {
    this.past.push({ box: this.box, hidden: this.hidden });
  }

  #changed() {
    this.viewer.redraw();
    this.dispatchEvent(new Event("change"));
  }
}

function corners({ x, y, width, height }) {
  return [{ x, y }, { x: x + width, y }, { x: x + width, y: y + height }, { x, y: y + height }];
}

function inside({ x, y, width, height }, point) {
  return point.x >= x && point.y >= y && point.x <= x + width && point.y <= y + height;
}

function paint(context, { kind, width, points }, colour) {
  const path = new Path2D();
  points.forEach(({ x, y }, i) => (i === 0 ? path.moveTo(x, y) : path.lineTo(x, y)));
  if (kind === "polygon") {
    context.fillStyle = colour;
    context.fill(path);
    return;
  }
  if (points.length === 1) path.lineTo(points[0].x + 0.01, points[0].y);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.stroke(path);
}

function stroke(context, path, unit) {
  context.strokeStyle = HALO;
  context.lineWidth = 4 * unit;
  context.stroke(path);
  context.strokeStyle = LINE;
  context.lineWidth = 1.8 * unit;
  context.stroke(path);
}
