/** The camera of this device: shows what it sees, and takes pictures without loss. */

import { make } from "./dom.js";
import { Problem } from "./api.js";
import { t } from "./page.js";

const WANTED = { width: { ideal: 1920 }, height: { ideal: 1080 } };

export class Camera {
  /**
   * @param {HTMLVideoElement} video where the camera's picture is shown
   * @param {HTMLSelectElement} choice of cameras; hidden where there is but one
   */
  constructor(video, choice) {
    this.video = video;
    this.choice = choice;
    this.stream = null;
    choice.addEventListener("change", () => void this.start(choice.value));
  }

  /** Whether it is on. */
  get on() {
    return this.stream !== null;
  }

  /**
   * Turn it on, or to another camera.
   * @throws {Problem} there is none, or it may not be used
   */
  async start(device) {
    this.stop();
    if (!navigator.mediaDevices?.getUserMedia) throw new Problem(0, "camera", t("camera.insecure"));
    const video = device ? { ...WANTED, deviceId: { exact: device } } : { ...WANTED, facingMode: "environment" };
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch (error) {
      const denied = error.name === "NotAllowedError";
      throw new Problem(0, "camera", denied ? t("camera.denied") : t("camera.missing"));
    }
    this.video.srcObject = this.stream;
    await this.video.play();
    await this.#list();
  }

  /** Turn it off. */
  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }

  /** Return what it sees now: a name and a PNG. */
  async take() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) throw new Problem(0, "camera", t("camera.starting"));
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").drawImage(this.video, 0, 0);
    const time = new Date().toISOString().replace(/[:.]/g, "-");
    return { name: `camera-${time}.png`, blob: await canvas.convertToBlob({ type: "image/png" }) };
  }

  async #list() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const cameras = devices.filter((device) => device.kind === "videoinput");
    const used = this.stream.getVideoTracks()[0].getSettings().deviceId;
    this.choice.replaceChildren(...cameras.map((device) => make("option", {
      value: device.deviceId, selected: device.deviceId === used,
    }, device.label)));
    this.choice.hidden = cameras.length < 2;
  }
}
