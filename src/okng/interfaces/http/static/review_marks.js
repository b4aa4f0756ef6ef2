/** Marks where a defect is, by boxes or a brush, and gives the mask as a PNG of the image's size. */

const TINT = "rgb(86 180 233)";
const EDGE = "rgb(16 16 20)";

export class Marks extends EventTarget {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    super();
    this.viewer = viewer;
    /** Width of the brush as a share of the picture's longer side. */
    this.share = 0.025;
    /** "box", "brush", or null: the pointer moves the picture. */
    this.kind = null;
    /** What was drawn: `{box: {x, y, width, height}}` or `{points: [...], width}`. */
    this.shapes = [];
    this.drawing = null;
    viewer.layers.push(this);
  }

  get isEmpty() {
    return this.shapes.length === 0;
  }

  /** Draw with something, or, where that is in use already, with nothing. */
  use(kind) {
    this.kind = this.kind === kind ? null : kind;
    this.viewer.tool = this.kind === null ? null : this;
    this.#changed();
  }

  /** Begin anew, with the tool that is in use. */
  clear() {
    this.shapes = [];
    this.drawing = null;
    this.#changed();
  }

  /** Begin with another picture. */
  reset() {
    this.kind = null;
    this.viewer.tool = null;
    this.clear();
  }

  /** Return the mask in base64, white where something is marked; null where nothing is. */
  async png() {
    if (this.isEmpty || this.viewer.size === null) return null;
    const { width, height } = this.viewer.size;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context.fillStyle = "black";
    context.fillRect(0, 0, width, height);
    for (const shape of this.shapes) fill(context, shape, "white");
    const blob = await canvas.convertToBlob({ type: "image/png" });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    return btoa(text);
  }

  // As a tool of the viewer: it gets points of the picture.

  down(point) {
    const side = Math.max(this.viewer.size.width, this.viewer.size.height);
    this.drawing = this.kind === "box"
      ? { from: point, box: { ...point, width: 0, height: 0 } }
      : { points: [point], width: Math.max(1, this.share * side) };
    this.viewer.redraw();
  }

  move(point) {
    if (this.drawing === null) return;
    if (this.drawing.points) this.drawing.points.push(point);
    else this.drawing.box = boxOf(this.drawing.from, point);
    this.viewer.redraw();
  }

  up(point) {
    this.move(point);
    const shape = this.drawing;
    this.drawing = null;
    if (shape === null || (shape.box && shape.box.width * shape.box.height < 1)) return;
    this.shapes.push(shape);
    this.#changed();
  }

  cancel() {
    this.drawing = null;
    this.viewer.redraw();
  }

  // As a layer of the viewer.

  draw(context, viewer) {
    for (const shape of [...this.shapes, this.drawing]) {
      if (shape === null) continue;
      context.globalAlpha = 0.45;
      fill(context, shape, TINT);
      if (!shape.box) continue;
      context.globalAlpha = 1;
      for (const [colour, wide] of [[EDGE, 4], [TINT, 2]]) {
        context.strokeStyle = colour;
        context.lineWidth = wide / viewer.scale;
        context.strokeRect(shape.box.x, shape.box.y, shape.box.width, shape.box.height);
      }
    }
  }

  #changed() {
    this.viewer.redraw();
    this.dispatchEvent(new Event("change"));
  }
}

function boxOf(from, to) {
  return {
    x: Math.min(from.x, to.x), y: Math.min(from.y, to.y),
    width: Math.abs(to.x - from.x), height: Math.abs(to.y - from.y),
  };
}

function fill(context, shape, colour) {
  context.fillStyle = colour;
  context.strokeStyle = colour;
  if (shape.box) {
    context.fillRect(shape.box.x, shape.box.y, shape.box.width, shape.box.height);
    return;
  }
  context.lineWidth = shape.width;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.beginPath();
  context.moveTo(shape.points[0].x, shape.points[0].y);
  for (const point of shape.points) context.lineTo(point.x, point.y);
  context.stroke();
}
