/** A photo from the camera or a recording from the microphone, as a Blob. */

const LONGEST_RECORDING_MS = 20_000;
const SOUND_TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

export class Camera {
  #stream = null;

  /** Shows the camera in `video`. Throws where there is none or it is refused. */
  async start(video) {
    this.#stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } } });
    video.srcObject = this.#stream;
    await video.play();
  }

  /** What it sees now, as a JPEG. */
  take(video) {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.92); });
  }

  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
  }
}

export class SoundRecorder {
  #recorder = null;
  #timer = 0;

  get running() { return this.#recorder !== null; }

  /** Records until `stop()`, 20 s at most. `onSeconds(whole seconds)`, then `onDone(blob)`. Throws where it may not. */
  async start({ onSeconds, onDone }) {
    // As the voice is: neither cleaned of noise nor levelled.
    const constraints = { audio: { channelCount: 1, noiseSuppression: false, autoGainControl: false, echoCancellation: false } };
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    const mimeType = SOUND_TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
    const parts = [];
    const began = performance.now();
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.onstop = () => {
      clearInterval(this.#timer);
      stream.getTracks().forEach((track) => track.stop());
      this.#recorder = null;
      onDone(new Blob(parts, { type: recorder.mimeType.split(";")[0] }));
    };
    recorder.start();
    this.#recorder = recorder;
    onSeconds(0);
    this.#timer = setInterval(() => {
      const passed = performance.now() - began;
      onSeconds(Math.floor(passed / 1000));
      if (passed >= LONGEST_RECORDING_MS) this.stop();
    }, 250);
  }

  stop() {
    if (this.#recorder?.state === "recording") this.#recorder.stop();
  }
}
