/** The microphone: asked for when it is first needed, given back when it is not. */

const CONSTRAINTS = {
  audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

/** Samples a second of what `onAudio` gets. */
export const MICROPHONE_RATE_HZ = 16_000;

/** It cannot be had. `reason` is the name of the words that say why. */
export class MicrophoneRefused extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export class Microphone {
  #stream = null;
  #context = null;
  #node = null;
  #opening = null;
  #changed = () => {};

  /** `onAudio(ArrayBuffer)` gets PCM16 at 16 kHz; `onLevel(0..1)` twenty times a second; `onLost()` when it is unplugged. */
  constructor({ onAudio, onLevel, onLost }) {
    this.onAudio = onAudio;
    this.onLevel = onLevel;
    this.onLost = onLost;
  }

  get open() { return this.#node !== null; }

  /** Asks for it where that has not been done. Throws MicrophoneRefused. */
  async start() {
    this.#opening ??= this.#start().finally(() => { this.#opening = null; });
    await this.#opening;
  }

  /** "off", "hold": all that is heard, "gate": only while there is something to hear. Done once the thread agrees. */
  async listen(mode) {
    if (!this.#node) return;
    const agreed = new Promise((resolve) => { this.#changed = resolve; setTimeout(resolve, 200); });
    this.#node.port.postMessage({ mode });
    await agreed;
  }

  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#context?.close();
    this.#stream = this.#context = this.#node = null;
    this.onLevel(0);
  }

  async #start() {
    if (this.#node) return;
    if (!navigator.mediaDevices?.getUserMedia) throw new MicrophoneRefused("micInsecure");
    // Made before the first await, so that it belongs to the gesture and may run.
    const context = new AudioContext({ latencyHint: "interactive" });
    try {
      const stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
      await context.audioWorklet.addModule(new URL("./capture.js", import.meta.url));
      await context.resume();
      this.#connect(context, stream);
    } catch (error) {
      context.close();
      throw new MicrophoneRefused(reasonOf(error));
    }
  }

  #connect(context, stream) {
    const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = ({ data }) => this.#heard(data);
    context.createMediaStreamSource(stream).connect(node);
    stream.getAudioTracks()[0].addEventListener("ended", () => { this.stop(); this.onLost(); });
    this.#context = context;
    this.#stream = stream;
    this.#node = node;
  }

  #heard({ audio, level, mode }) {
    if (audio) this.onAudio(audio);
    else if (level !== undefined) this.onLevel(level);
    else if (mode) this.#changed();
  }
}

function reasonOf(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "micDenied";
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return "micAbsent";
  return "micBusy";
}
