/**
 * A picture to look into: image, heat, regions; zoom and pan by wheel, drag, pinch and keyboard.
 *
 * Pages give it what to show. To draw on it (a region of interest, a mask, a mark), give it a
 * `tool`: it gets the pointer, or the cross that a keyboard moves, in pixels of the image. To show
 * something of one's own, add a layer. What is looked at changes with an event `place`.
 */

import { Cross } from "./viewer_cross.js";
import { attachGestures } from "./viewer_gestures.js";
import { heatCanvas, outlines } from "./heatmap.js";
import { scoreText } from "./page.js";

const MOST_ZOOM = 40;
const SHARP_FROM = 3; // screen pixels for one of the image: from there on its pixels are shown
const HALO = "rgb(16 16 20 / 85%)";
const LINE = "#ffffff";
const CHOSEN = "#56b4e9";

export class Viewer extends EventTarget {
  /**
   * @param {HTMLElement} host what the picture fills; it gets a canvas
   * @param {string} label what a screen reader says of it
   */
  constructor(host, label) {
    super();
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", label);
    host.append(this.canvas);
    /** What draws over the picture: objects with `draw(context, viewer)`, in pixels of the image. */
    this.layers = [];
    /** What gets the pointer: an object with `down`, `move`, `up` (point, event) and `cancel()`. */
    this.tool = null;
    this.image = null;
    this.scale = 1;
    this.offset = { x: 0, y: 0 };
    this.opacity = 0.55;
    this.showsHeat = true;
    this.showsRegions = true;
    this.chosen = null;
    this.cross = new Cross(this);
    this.clear();
    attachGestures(this);
    new ResizeObserver(() => this.#resized()).observe(host);
  }

  /** Show nothing. */
  clear() {
    this.show(null);
  }

  /**
   * Show a picture, whole, without what belonged to the one before.
   * @param {ImageBitmap|HTMLImageElement|HTMLCanvasElement|null} image
   * @param {boolean} keepPlace leave zoom and place as they are, to compare two of one size
   */
  show(image, keepPlace = false) {
    this.image = image;
    this.size = image === null ? null
      : { width: image.naturalWidth ?? image.width, height: image.naturalHeight ?? image.height };
    this.heat = null;
    this.map = null;
    this.regions = [];
    this.borders = null;
    this.chosen = null;
    if (keepPlace && !this.fitted) this.redraw();
    else this.fit();
  }

  /**
   * Lay what a model found over the picture.
   * @param {Array} regions as the service tells them, the strongest first
   * @param {object|null} map as `decodeMap` gives it; without, regions are drawn as boxes
   */
  find(regions, map = null) {
    this.regions = regions;
    this.map = map;
    this.heat = map === null ? null : heatCanvas(map);
    this.borders = map === null ? null : outlines(map, map.threshold);
    this.redraw();
  }

  /** Point out one of the regions, by its number from 0; null for none. */
  choose(number) {
    this.chosen = number;
    this.redraw();
  }

  /** Change how the picture is laid over: `opacity`, `showsHeat`, `showsRegions`. */
  set(options) {
    Object.assign(this, options);
    this.redraw();
    this.dispatchEvent(new Event("change"));
  }

  /** Show the picture whole. */
  fit() {
    this.fitted = true;
    if (this.size !== null) {
      const { width, height } = this.frame;
      this.scale = Math.min(width / this.size.width, height / this.size.height);
      this.offset = {
        x: (width - this.size.width * this.scale) / 2,
        y: (height - this.size.height * this.scale) / 2,
      };
    }
    this.redraw();
    this.dispatchEvent(new Event("place"));
  }

  /** Look at what another viewer, whose image has the same size, looks at. */
  follow(other) {
    if (this.size === null || other.size === null) return;
    if (other.fitted) {
      if (!this.fitted) this.fit();
      return;
    }
    const { width, height } = other.frame;
    const middle = other.toImage({ x: width / 2, y: height / 2 });
    const [wide, high] = [this.size.width / other.size.width, this.size.height / other.size.height];
    const { frame } = this;
    const scale = other.scale * (frame.width / width) / wide;
    const same = Math.abs(scale / this.scale - 1) < 1e-6 && !this.fitted;
    const here = this.toImage({ x: frame.width / 2, y: frame.height / 2 });
    const near = Math.hypot(here.x - middle.x * wide, here.y - middle.y * high) * this.scale < 0.5;
    if (!same || !near) this.#place(scale, middle.x * wide, middle.y * high, frame.width / 2, frame.height / 2);
  }

  /** Show a box of the picture as large as it can be, with some of what is around it. */
  lookAt(box) {
    const { width, height } = this.frame;
    const around = 2.5;
    const scale = Math.min(width / (box.width * around), height / (box.height * around));
    this.#place(scale, box.x + box.width / 2, box.y + box.height / 2, width / 2, height / 2);
  }

  /** Enlarge by a factor about a point of the screen; the middle unless given. */
  zoom(factor, at = { x: this.frame.width / 2, y: this.frame.height / 2 }) {
    const { x, y } = this.toImage(at);
    this.#place(this.scale * factor, x, y, at.x, at.y);
  }

  /** Move the picture, in pixels of the screen. */
  pan(x, y) {
    this.#place(this.scale, 0, 0, this.offset.x + x, this.offset.y + y);
  }

  /** Return a point of the picture for one of the canvas. */
  toImage({ x, y }) {
    return { x: (x - this.offset.x) / this.scale, y: (y - this.offset.y) / this.scale };
  }

  /** Width and height of the canvas in CSS pixels. */
  get frame() {
    return { width: this.canvas.clientWidth || 1, height: this.canvas.clientHeight || 1 };
  }

  /** Draw again before the next frame. */
  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.#draw();
    });
  }

  /** Return a canvas of the picture's own size with all that is laid over it, as it is set now. */
  drawn() {
    const canvas = new OffscreenCanvas(this.size.width, this.size.height);
    const context = canvas.getContext("2d");
    context.drawImage(this.image, 0, 0, this.size.width, this.size.height);
    this.#drawFound(context, Math.max(this.size.width, this.size.height) / 900);
    return canvas;
  }

  #place(scale, x, y, screenX, screenY) {
    if (this.size === null) return;
    this.fitted = false;
    const { width, height } = this.frame;
    const whole = Math.min(width / this.size.width, height / this.size.height);
    this.scale = Math.min(Math.max(scale, whole / 2), Math.max(MOST_ZOOM, whole));
    this.offset = { x: screenX - x * this.scale, y: screenY - y * this.scale };
    // Some of the picture stays in sight.
    const margin = 40;
    const wide = this.size.width * this.scale;
    const high = this.size.height * this.scale;
    this.offset.x = Math.min(Math.max(this.offset.x, margin - wide), width - margin);
    this.offset.y = Math.min(Math.max(this.offset.y, margin - high), height - margin);
    this.redraw();
    this.dispatchEvent(new Event("place"));
  }

  #resized() {
    if (this.fitted) this.fit();
    else this.redraw();
  }

  #draw() {
    const { width, height } = this.frame;
    const dense = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * dense), Math.round(height * dense)];
    if (this.canvas.width !== wide || this.canvas.height !== high) {
      this.canvas.width = wide;
      this.canvas.height = high;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, wide, high);
    if (this.image === null) return;
    const scale = this.scale * dense;
    context.setTransform(scale, 0, 0, scale, this.offset.x * dense, this.offset.y * dense);
    context.imageSmoothingEnabled = this.scale < SHARP_FROM;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.image, 0, 0, this.size.width, this.size.height);
    this.#drawFound(context, 1 / this.scale);
    for (const layer of this.layers) {
      context.save();
      layer.draw(context, this);
      context.restore();
    }
    this.cross.draw(context);
  }

  /** Draw heat and regions; `unit` is a CSS pixel, in pixels of the picture. */
  #drawFound(context, unit) {
    context.save();
    if (this.showsHeat && this.heat !== null) {
      const { x, y, width, height } = this.map.box;
      context.imageSmoothingEnabled = true;
      context.globalAlpha = this.opacity;
      context.drawImage(this.heat, x, y, width, height);
      context.globalAlpha = 1;
    }
    if (this.showsRegions) {
      if (this.borders !== null) this.#stroke(context, this.borders, unit, LINE);
      this.regions.forEach((region, i) => this.#drawRegion(context, region, i, unit));
    }
    context.restore();
  }

  #drawRegion(context, region, i, unit) {
    const { x, y, width, height } = region.box;
    if (this.borders === null || this.chosen === i) {
      const box = new Path2D();
      box.rect(x, y, width, height);
      this.#stroke(context, box, unit, this.chosen === i ? CHOSEN : LINE);
    }
    const text = [i + 1, region.kind, scoreText(region.peak_score)].filter(Boolean).join(" · ");
    context.font = `600 ${12 * unit}px system-ui, sans-serif`;
    const wide = context.measureText(text).width + 10 * unit;
    const high = 18 * unit;
    const left = Math.max(0, Math.min(x, this.size.width - wide));
    const top = y - high - 3 * unit >= 0 ? y - high - 3 * unit : Math.min(y + height + 3 * unit, this.size.height - high);
    context.fillStyle = HALO;
    context.beginPath();
    context.roundRect(left, top, wide, high, 4 * unit);
    context.fill();
    context.fillStyle = this.chosen === i ? CHOSEN : LINE;
    context.textBaseline = "middle";
    context.fillText(text, left + 5 * unit, top + high / 2 + 0.5 * unit);
  }

  #stroke(context, path, unit, colour) {
    context.lineJoin = "round";
    context.lineCap = "round";
    context.strokeStyle = HALO;
    context.lineWidth = 4 * unit;
    context.stroke(path);
    context.strokeStyle = colour;
    context.lineWidth = 1.8 * unit;
    context.stroke(path);
  }
}
