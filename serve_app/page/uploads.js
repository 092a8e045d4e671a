/** Adding a face or a voice: chosen or made here, looked at or listened to, with consent; refusals as they come. */

import { Camera, SoundRecorder } from "./recorder.js";
import { say } from "./words.js";

/** What differs between the two. */
const KINDS = {
  avatar: {
    noun: "avatars", field: "image", accept: "image/jpeg,image/png,image/webp", file: "face.jpg",
    title: "faceTitle", advice: "faceAdvice", choose: "choosePhoto", capture: "camera", consent: "consentFace",
  },
  voice: {
    noun: "voices", field: "audio", accept: "audio/*,.wav,.mp3,.m4a,.ogg,.webm,.flac", file: "voice",
    title: "voiceTitle", advice: "voiceAdvice", choose: "chooseSound", capture: "record", consent: "consentVoice",
  },
};

export class Uploads {
  #kind = KINDS.avatar;
  #blob = null;
  #url = null;
  #camera = new Camera();
  #sound = new SoundRecorder();

  /** `onAdded(noun, entry)` after an upload was accepted. */
  constructor({ dialog, doors, onAdded }) {
    this.dialog = dialog;
    this.doors = doors;
    this.onAdded = onAdded;
    const part = (name) => dialog.querySelector(`#upload-${name}`);
    Object.assign(this, {
      form: part("form"), title: part("title"), advice: part("advice"), chooseLabel: part("choose"), file: part("file"),
      capture: part("capture"), preview: part("preview"), name: part("name"), consent: part("consent"),
      consentText: part("consent-text"), refusal: part("refusal"), submit: part("submit"),
    });
    this.file.addEventListener("change", () => this.#take(this.file.files[0] ?? null));
    this.capture.addEventListener("click", () => this.#capture());
    part("cancel").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.#clear());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  /** `noun`: "avatar" or "voice". */
  open(noun) {
    this.#kind = KINDS[noun];
    this.#clear();
    this.title.textContent = say(this.#kind.title);
    this.advice.textContent = say(this.#kind.advice);
    this.chooseLabel.textContent = say(this.#kind.choose);
    this.capture.textContent = say(this.#kind.capture);
    this.consentText.textContent = say(this.#kind.consent);
    this.file.accept = this.#kind.accept;
    this.dialog.showModal();
  }

  async #send() {
    if (!this.#blob) return this.#refuse(say("needFile"));
    if (!this.consent.checked) {
      this.consent.focus();
      return this.#refuse(say("needConsent"));
    }
    const form = new FormData();
    form.append("consent", "true");
    if (this.name.value.trim()) form.append("name", this.name.value.trim());
    form.append(this.#kind.field, this.#blob, this.#blob.name ?? this.#kind.file);
    this.#busy(true);
    try {
      const entry = await this.doors.json(`v1/${this.#kind.noun}`, { method: "POST", body: form });
      this.dialog.close();
      this.onAdded(this.#kind === KINDS.avatar ? "avatar" : "voice", entry);
    } catch (error) {
      this.#refuse(error.message);
    } finally {
      this.#busy(false);
    }
    return null;
  }

  async #capture() {
    if (this.#sound.running) {
      this.#sound.stop();
      return;
    }
    this.refusal.hidden = true;
    try {
      if (this.#kind === KINDS.voice) await this.#record();
      else await this.#photograph();
    } catch {
      this.#camera.stop();
      this.#refuse(say(this.#kind === KINDS.voice ? "micDenied" : "cameraDenied"));
    }
  }

  async #record() {
    const count = document.createElement("p");
    await this.#sound.start({
      onSeconds: (seconds) => { count.textContent = say("recordingFor", { seconds }); },
      onDone: (blob) => {
        this.capture.textContent = say("record");
        if (this.dialog.open) this.#take(blob);
      },
    });
    this.preview.replaceChildren(count);
    this.capture.textContent = say("stop");
  }

  async #photograph() {
    const video = document.createElement("video");
    video.muted = video.playsInline = true;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = say("take");
    button.addEventListener("click", async () => this.#take(await this.#camera.take(video)));
    this.preview.replaceChildren(video, button);
    await this.#camera.start(video);
  }

  /** Shows what would be sent. */
  #take(blob) {
    this.#camera.stop();
    this.refusal.hidden = true;
    this.#blob = blob;
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = blob && URL.createObjectURL(blob);
    if (!blob) return this.preview.replaceChildren();
    const shown = document.createElement(this.#kind === KINDS.avatar ? "img" : "audio");
    if (this.#kind === KINDS.avatar) shown.alt = this.#kind.file;
    else shown.controls = true;
    shown.src = this.#url;
    return this.preview.replaceChildren(shown);
  }

  #refuse(message) {
    this.refusal.textContent = message;
    this.refusal.hidden = false;
  }

  #busy(busy) {
    this.submit.disabled = busy;
    this.submit.textContent = say(busy ? "adding" : "add");
    this.form.setAttribute("aria-busy", String(busy));
  }

  #clear() {
    this.#sound.stop();
    this.#camera.stop();
    this.#take(null);
    this.form.reset();
  }
}
