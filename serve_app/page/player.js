/** Plays the answers, one after another on the session's one timeline, and tells how far each has been played. */

import { BufferedSource } from "./source.js";

const TICK_MS = 50;
const REPORT_MS = 250;
const STUCK_MS = 200;
const GIVE_UP_MS = 3000;

export class Player {
  #answer = null;
  #ticks = 0;

  /**
   * `onShown(answer)`: its first picture is on the screen. `onProgress({responseId, playedMs, stalled})`: at least
   * twice a second while media is outstanding. `onEnded(answer)`: played to its end. `onBlocked()`: the browser
   * wants a gesture before it makes a sound.
   */
  constructor(video, { onShown, onProgress, onEnded, onBlocked, onBroken }) {
    this.video = video;
    this.onShown = onShown;
    this.onProgress = onProgress;
    this.onEnded = onEnded;
    this.onBlocked = onBlocked;
    this.source = new BufferedSource(video, {
      onFilled: () => this.#filled(),
      onBroken: (reason) => { this.stop(); onBroken(reason); },
    });
  }

  /** Media of an answer that has not all been played. */
  get active() { return this.#answer !== null; }

  get responseId() { return this.#answer?.responseId ?? null; }

  get itemId() { return this.#answer?.itemId ?? null; }

  /** Milliseconds of the answer under way that were played; 0 before its first picture. */
  get playedMs() {
    const answer = this.#answer;
    if (!answer?.placed) return 0;
    const seconds = Math.min(this.video.currentTime, answer.end) - answer.start;
    return Math.max(0, Math.round(seconds * 1000));
  }

  /** An answer begins. `start`: seconds on the session's timeline where it does. */
  begin({ number, responseId, itemId, start, mediaType }) {
    this.stop();
    this.#answer = {
      number, responseId, itemId, start, end: start, complete: false, placed: false, shown: false,
      last: -1, movedAt: performance.now(), reportedAt: 0,
    };
    this.source.setType(mediaType);
    this.#ticks = setInterval(() => this.#tick(), TICK_MS);
  }

  /** A piece of media; that of other answers is dropped. */
  append({ number, startMs, durationMs, bytes }) {
    const answer = this.#answer;
    if (answer?.number !== number || !bytes.length) return;
    answer.end = Math.max(answer.end, answer.start + (startMs + durationMs) / 1000);
    this.source.append(bytes);
  }

  /** No more media comes for this answer. */
  finish(responseId = this.responseId) {
    if (this.#answer?.responseId === responseId) this.#answer.complete = true;
  }

  /** Silent at once, and everything unplayed forgotten. Returns {responseId, itemId, playedMs} or null. */
  stop() {
    const answer = this.#answer;
    if (!answer) return null;
    const stopped = { responseId: answer.responseId, itemId: answer.itemId, playedMs: this.playedMs };
    this.video.pause();
    this.#forget();
    return stopped;
  }

  /** To be called from a gesture: from then on the element may sound whenever an answer comes. */
  unlock() {
    if (this.#answer) this.#play();
    else if (!this.video.src) this.source.attach();
  }

  #forget() {
    clearInterval(this.#ticks);
    this.#answer = null;
    this.source.clear();
  }

  #filled() {
    const answer = this.#answer;
    if (!answer || answer.placed) return;
    const from = this.source.startAfter(answer.start);
    if (from === null) return;
    answer.placed = true;
    answer.movedAt = performance.now();
    this.video.currentTime = Math.max(from, answer.start);
    this.#awaitPicture(answer);
    this.#play();
  }

  #play() {
    this.video.play().catch((error) => {
      if (error.name === "NotAllowedError") this.onBlocked();
    });
  }

  /** A seek shows the old picture until the new one is decoded: only then may the element be seen. */
  #awaitPicture(answer) {
    const shown = (at, frame) => {
      if (this.#answer !== answer || answer.shown) return;
      if (frame && (frame.mediaTime < answer.start - 0.02 || frame.mediaTime > answer.end + 1)) {
        this.video.requestVideoFrameCallback(shown);
        return;
      }
      answer.shown = true;
      this.onShown(answer);
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(shown);
    else this.video.addEventListener("playing", () => shown(), { once: true });
  }

  #tick() {
    const answer = this.#answer;
    const now = performance.now();
    const position = this.video.currentTime;
    if (position !== answer.last) {
      answer.last = position;
      answer.movedAt = now;
    }
    const still = now - answer.movedAt;
    if (answer.placed && still > STUCK_MS) this.#hop(answer, position);
    if (this.#over(answer, position, still)) {
      this.#report(answer, now, Math.round((answer.end - answer.start) * 1000));
      this.video.pause();
      this.#forget();
      this.onEnded(answer);
    } else if (now - answer.reportedAt >= REPORT_MS && answer.end > answer.start) {
      this.#report(answer, now, this.playedMs, answer.placed && still > STUCK_MS);
    }
  }

  /** Without an end of stream a browser stops a little before the last picture, and waits. */
  #over(answer, position, still) {
    if (!answer.complete) return false;
    if (answer.end <= answer.start) return true; // nothing came
    if (!answer.placed) return still > GIVE_UP_MS;
    if (position >= answer.end - 0.02) return true;
    if (this.video.paused && still < 10 * GIVE_UP_MS) return false; // held back by the browser, not at its end
    return (answer.end - position < 0.3 && still > STUCK_MS) || still > GIVE_UP_MS;
  }

  /** Over a gap in the media, such as between two answers or after lost fragments. */
  #hop(answer, position) {
    const next = this.source.startAfter(position);
    if (next !== null && next > position && next < answer.end) this.video.currentTime = next + 0.001;
  }

  #report(answer, now, playedMs, stalled = false) {
    answer.reportedAt = now;
    this.onProgress({ responseId: answer.responseId, playedMs, stalled });
  }
}
