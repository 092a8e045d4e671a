/** A MediaSource that is fed in order, never overfilled, and emptied at once when it must be. */

const KEPT_BEHIND_SECONDS = 8;
const EVICT_BEYOND_SECONDS = 20;
const RETRY_MS = 200;

// iPhones have the managed kind only. Where both exist, the plain one keeps what it was given.
const Source = globalThis.MediaSource ?? globalThis.ManagedMediaSource;

/** Whether this browser can play media as it is made. */
export function canStream(mediaType = 'video/mp4; codecs="avc1.42c01f,mp4a.40.2"') {
  return Boolean(Source?.isTypeSupported(mediaType));
}

export class BufferedSource {
  #source = null;
  #buffer = null;
  #work = [];
  #retry = 0;
  #url = null;

  /** `onFilled()` is called after each append, `onBroken(reason)` when the element or the source gave up. */
  constructor(video, { onFilled, onBroken }) {
    this.video = video;
    this.onFilled = onFilled;
    this.onBroken = onBroken;
    video.disableRemotePlayback = true; // a managed source asks for it
    video.addEventListener("error", () => this.#broke(video.error?.message));
  }

  /** Sets up a fresh source; what was in the old one is gone. */
  attach() {
    this.#work = [];
    this.#buffer = null;
    if (this.#url) URL.revokeObjectURL(this.#url);
    const source = new Source();
    source.addEventListener("sourceopen", () => this.#source === source && this.#pump());
    this.#source = source;
    this.#url = URL.createObjectURL(source);
    this.video.src = this.#url;
  }

  /** From here on media of this type. An init segment has to follow. */
  setType(mediaType) {
    if (!this.#source || this.#source.readyState === "closed" && this.#buffer) this.attach();
    this.#work.push({ type: mediaType });
    this.#pump();
  }

  append(bytes) {
    this.#work.push({ bytes });
    this.#pump();
  }

  /** Forgets what is buffered and what is waiting to be. */
  clear() {
    this.#work = [];
    if (!this.#buffer || this.#source.readyState !== "open") return;
    try {
      this.#buffer.abort();
    } catch {
      this.#work = []; // it is removing already, which cannot be aborted and need not be
    }
    if (this.#buffer.updating || this.#buffer.buffered.length) this.#work.push({ remove: [0, Infinity] });
    this.#pump();
  }

  /** Start of the first buffered stretch that ends after `seconds`, or null. */
  startAfter(seconds) {
    const ranges = this.#buffer?.buffered;
    for (let index = 0; index < (ranges?.length ?? 0); index++) {
      if (ranges.end(index) > seconds + 0.01) return ranges.start(index);
    }
    return null;
  }

  #pump() {
    if (this.#source?.readyState === "closed" || this.#buffer?.updating || !this.#work.length) return;
    clearTimeout(this.#retry);
    const task = this.#work[0];
    try {
      if (task.type) this.#setUp(task.type);
      else if (task.remove) this.#buffer.remove(...task.remove);
      else this.#buffer.appendBuffer(task.bytes);
      this.#work.shift();
      if (task.type) this.#pump();
    } catch (error) {
      if (error.name === "QuotaExceededError" && task.bytes) this.#makeRoom();
      else this.#broke(error.message);
    }
  }

  #setUp(type) {
    if (this.#buffer) {
      if (this.#buffer.mediaType !== type) this.#buffer.changeType(type);
    } else {
      this.#buffer = this.#source.addSourceBuffer(type);
      this.#buffer.mode = "segments";
      this.#buffer.addEventListener("updateend", () => this.#updated());
    }
    this.#buffer.mediaType = type;
  }

  #updated() {
    if (this.#source?.readyState !== "open") return;
    this.#evict(EVICT_BEYOND_SECONDS);
    this.#pump();
    this.onFilled();
  }

  /** Drops what was played long ago, once there is more of it than `beyond` seconds. */
  #evict(beyond) {
    const ranges = this.#buffer.buffered;
    const now = this.video.currentTime;
    if (this.#buffer.updating || !ranges.length || now - ranges.start(0) <= beyond) return false;
    this.#buffer.remove(0, now - Math.min(beyond, KEPT_BEHIND_SECONDS));
    return true;
  }

  /** The browser's buffer is full: give up what is behind, or wait until more of it was played. */
  #makeRoom() {
    if (!this.#evict(1)) this.#retry = setTimeout(() => this.#pump(), RETRY_MS);
  }

  #broke(message = "unknown") {
    if (!this.video.src) return;
    this.#source = null;
    this.#buffer = null;
    this.#work = [];
    this.onBroken(message);
  }
}
