/**
 * A cross that draws where there is only a keyboard: arrows move it, Space presses and lets go.
 *
 * It gives a viewer's tool what a pointer would: `down`, `move`, `up` in pixels of the image. A tool
 * with `taps` (one that sets corner after corner) gets both at each Space.
 */

const STEP_PX = 8;
const HELD_PX = 24;
const ARM_PX = 13;
const MARGIN_PX = 24;
const HALO = "rgb(16 16 20 / 85%)";
const FREE = "#ffffff";
const PRESSED = "#56b4e9";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Cross {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    /** Where it is, in pixels of the image; null where a pointer draws. */
    this.at = null;
    this.tool = null; // that is pressed
    viewer.canvas.addEventListener("pointerdown", () => this.hide());
    viewer.canvas.addEventListener("blur", () => this.hide());
  }

  /** Whether a tool is pressed down by the keyboard. */
  get isDown() {
    return this.tool !== null && this.tool === this.viewer.tool;
  }

  /** Tell whether it has a use for a key, now. */
  wants({ key }) {
    if (this.viewer.tool === null || this.viewer.image === null) return false;
    return key in ARROWS || key === " " || (key === "Escape" && this.isDown);
  }

  /** Do what a key stands for. */
  press(event) {
    this.at ??= this.#middle();
    if (event.key === "Escape") this.#cancel();
    else if (event.key === " ") this.#toggle(event);
    else this.#move(event);
    this.viewer.redraw();
  }

  /** Leave the drawing to a pointer; what was begun is cancelled. */
  hide() {
    this.#cancel();
    this.at = null;
    this.viewer.redraw();
  }

  draw(context) {
    if (this.at === null || this.viewer.tool === null) return;
    const unit = 1 / this.viewer.scale;
    const { x, y } = this.at;
    const path = new Path2D();
    for (const [dx, dy] of Object.values(ARROWS)) {
      path.moveTo(x + 3 * dx * unit, y + 3 * dy * unit);
      path.lineTo(x + ARM_PX * dx * unit, y + ARM_PX * dy * unit);
    }
    for (const [colour, wide] of [[HALO, 5], [this.isDown ? PRESSED : FREE, 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = wide * unit;
      context.stroke(path);
    }
  }

  #toggle(event) {
    if (event.repeat) return;
    const { tool } = this.viewer;
    if (this.isDown) {
      this.tool = null;
      tool.up(this.at, event);
      return;
    }
    tool.down(this.at, event);
    if (tool.taps) tool.up(this.at, event);
    else this.tool = tool;
  }

  /** Move by steps of the screen, by one pixel of the image with Shift, faster while it is held. */
  #move(event) {
    const [dx, dy] = ARROWS[event.key];
    const step = event.shiftKey ? 1 : (event.repeat ? HELD_PX : STEP_PX) / this.viewer.scale;
    const { width, height } = this.viewer.size;
    this.at = {
      x: Math.min(Math.max(0, this.at.x + dx * step), width),
      y: Math.min(Math.max(0, this.at.y + dy * step), height),
    };
    this.#stayInSight();
    if (this.isDown) this.viewer.tool.move(this.at, event);
  }

  #stayInSight() {
    const { scale, offset, frame, fitted } = this.viewer;
    if (fitted) return;
    const beyond = (place, most) => Math.min(0, place - MARGIN_PX) || Math.max(0, place - most + MARGIN_PX);
    const x = beyond(this.at.x * scale + offset.x, frame.width);
    const y = beyond(this.at.y * scale + offset.y, frame.height);
    if (x !== 0 || y !== 0) this.viewer.pan(-x, -y);
  }

  #middle() {
    const { width, height } = this.viewer.size;
    const { x, y } = this.viewer.toImage({ x: this.viewer.frame.width / 2, y: this.viewer.frame.height / 2 });
    return { x: Math.min(Math.max(0, x), width), y: Math.min(Math.max(0, y), height) };
  }

  #cancel() {
    if (this.isDown) this.tool.cancel?.();
    this.tool = null;
  }
}
