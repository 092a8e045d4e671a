/** The realtime socket: opens, resumes its session, and comes back by itself after whatever can be mended by waiting. */

import { known, say } from "./words.js";

const MAGIC = 0x41564d31; // "AVM1": a binary message with media of an answer
const HEADER_BYTES = 16;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 15_000;
const OPENING_LIMIT_MS = 10_000;
const SEND_LIMIT_BYTES = 1 << 20;

/** Closed with these, the server is not to be asked again until the person says so. */
const FINAL_CODES = new Set([4401, 4403, 4409]);
const LIMIT_CODES = new Set([1013, 4429]);

export class RealtimeSocket {
  #socket = null;
  #attempts = 0;
  #timer = 0;
  #opening = 0;
  #ready = false;

  /**
   * `onEvent(event)` gets the server's events, `onMedia({number, startMs, durationMs, bytes})` the media, `onState`
   * {name, code, reason, seconds}; name: connecting, ready, waiting (`seconds` until the next attempt) or stopped.
   */
  constructor({ address, preferences, onEvent, onMedia, onState }) {
    this.address = address;
    this.preferences = preferences;
    this.onEvent = onEvent;
    this.onMedia = onMedia;
    this.onState = onState;
    window.addEventListener("online", () => this.#hurry());
    window.addEventListener("offline", () => this.#socket?.close());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#hurry());
  }

  get ready() { return this.#ready && this.#socket.readyState === WebSocket.OPEN; }

  open() {
    this.close();
    this.onState({ name: "connecting", again: this.#attempts > 0 });
    let socket;
    try {
      socket = new WebSocket(this.#url(), this.#protocols());
    } catch {
      this.#stop(4401); // the key has characters that no header can carry
      return;
    }
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#socket === socket && this.#received(data);
    socket.onclose = ({ code }) => this.#socket === socket && this.#closed(code);
    this.#socket = socket;
    this.#opening = setTimeout(() => !this.#ready && socket.close(), OPENING_LIMIT_MS);
  }

  close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#opening);
    const socket = this.#socket;
    this.#socket = null;
    this.#ready = false;
    socket?.close();
  }

  /** Sends a client event; false where there is no session to send it to. */
  send(event) {
    if (!this.ready) return false;
    this.#socket.send(JSON.stringify(event));
    return true;
  }

  /** Sends PCM16 at the session's rate; false where it had to be dropped. */
  sendAudio(buffer) {
    if (!this.ready || this.#socket.bufferedAmount > SEND_LIMIT_BYTES) return false;
    this.#socket.send(buffer);
    return true;
  }

  #url() {
    const url = new URL(this.address);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const session = this.preferences.session;
    if (session) {
      url.searchParams.set("session_id", session.id);
      url.searchParams.set("resume_token", session.token);
    }
    return url;
  }

  #protocols() {
    const key = this.preferences.key;
    return key ? ["realtime", `openai-insecure-api-key.${key}`] : ["realtime"];
  }

  #received(data) {
    if (typeof data !== "string") {
      const header = new DataView(data);
      if (data.byteLength < HEADER_BYTES || header.getUint32(0) !== MAGIC) return;
      const [number, startMs, durationMs] = [4, 8, 12].map((place) => header.getUint32(place));
      this.onMedia({ number, startMs, durationMs, bytes: new Uint8Array(data, HEADER_BYTES) });
      return;
    }
    const event = JSON.parse(data);
    if (event.type === "session.created") {
      clearTimeout(this.#opening);
      this.#attempts = 0;
      this.#ready = true;
      const { id, avatar } = event.session;
      this.preferences.session = avatar?.resume_token ? { id, token: avatar.resume_token } : null;
      this.onState({ name: "ready" });
    }
    this.onEvent(event);
  }

  #closed(code) {
    this.#socket = null;
    this.#ready = false;
    clearTimeout(this.#opening);
    if (FINAL_CODES.has(code)) {
      this.#stop(code);
      return;
    }
    if (code === 4404) this.preferences.session = null;
    const longest = LIMIT_CODES.has(code) ? 2 * LONGEST_WAIT_MS : LONGEST_WAIT_MS;
    const first = LIMIT_CODES.has(code) ? 10 * FIRST_WAIT_MS : FIRST_WAIT_MS;
    // Half of the wait is chance, so that a restarted server does not meet everybody at once.
    const wait = Math.min(longest, first * 2 ** this.#attempts) * (0.5 + Math.random() / 2);
    this.#attempts += 1;
    this.onState({ name: "waiting", code, reason: reason(code), seconds: Math.ceil(wait / 1000) });
    this.#timer = setTimeout(() => this.open(), wait);
  }

  #stop(code) {
    this.#socket = null;
    this.#ready = false;
    this.onState({ name: "stopped", code, reason: reason(code) });
  }

  /** The network or the person came back: no need to wait any longer. */
  #hurry() {
    if (this.#timer && !this.#socket && this.#attempts) {
      clearTimeout(this.#timer);
      this.open();
    }
  }
}

/** A close code in plain words. */
function reason(code) {
  return say(known(`c${code}`) ? `c${code}` : "c1006");
}
