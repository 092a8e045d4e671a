/** What the events of the socket mean for picture, captions and transcript. Knows no buttons. */

import { say } from "./words.js";
import { MICROPHONE_RATE_HZ } from "./microphone.js";

export class Conversation {
  #response = null;
  #spokeUntil = null;
  #seenSeconds = null;
  #timings = null;
  #sawSession = false;
  #hearing = false;

  /** `onState(name, values)`: ready, listening, thinking, speaking, line. `onProblem(text)`: to be told. */
  constructor({ socket, player, captions, transcript, latency, face, onSession, onState, onProblem }) {
    Object.assign(this, { socket, player, captions, transcript, latency, face, onSession, onState, onProblem });
  }

  /** An answer is being made or played. */
  get answering() { return this.#response !== null || this.player.active; }

  get responseMade() { return this.#response !== null; }

  /** Sends the person's typed words and asks for an answer. False without a connection. */
  tell(text) {
    this.interrupt();
    const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
    if (!this.socket.send({ type: "conversation.item.create", item })) return false;
    this.#spokeUntil = performance.now();
    return this.#answerPlease();
  }

  /** Push-to-talk: what was said is complete. */
  answerSpeech() {
    this.#spokeUntil = performance.now();
    return this.socket.send({ type: "input_audio_buffer.commit" }) && this.#answerPlease();
  }

  #answerPlease() {
    this.onState("thinking");
    return this.socket.send({ type: "response.create" });
  }

  /** Stops the answer here and there. The server's history keeps what was heard. */
  interrupt() {
    if (!this.answering) return false;
    if (this.#response) this.socket.send({ type: "response.cancel", response_id: this.#response.id });
    this.#stopPlaying();
    this.#response = null;
    this.onState("ready");
    return true;
  }

  /** The socket is gone: what was received is still played. */
  connectionLost() {
    this.player.finish();
    this.#response = null;
  }

  received(event) {
    this.#handlers[event.type]?.(event);
  }

  media(piece) {
    this.player.append(piece);
  }

  /** From the player: the first picture is on the screen. */
  shown() {
    if (this.#spokeUntil !== null) this.#seenSeconds = (performance.now() - this.#spokeUntil) / 1000;
    this.#spokeUntil = null;
    this.#tellLatency();
    this.face.giveWay();
    this.onState("speaking");
  }

  progress(report) {
    this.socket.send({ type: "avatar.playback", response_id: report.responseId, played_ms: report.playedMs, stalled: report.stalled });
  }

  /** From the player: all of it has been played. */
  ended() {
    this.captions.at(Infinity);
    this.captions.clear();
    this.face.comeBack();
    this.onState(this.#response ? "thinking" : "ready");
  }

  #stopPlaying() {
    const stopped = this.player.stop();
    this.captions.clear();
    this.face.comeBack();
    if (!stopped) return;
    this.progress({ ...stopped, stalled: false });
    const place = { item_id: stopped.itemId, content_index: 0, audio_end_ms: stopped.playedMs };
    if (stopped.itemId) this.socket.send({ type: "conversation.item.truncate", ...place });
    if (stopped.itemId) this.transcript.interrupted(stopped.itemId);
  }

  #handlers = {
    "session.created": ({ session }) => {
      const resumed = Boolean(session.avatar?.resumed);
      if (resumed) this.transcript.clear();
      else if (this.#sawSession) this.transcript.divide(say("newConversation"));
      this.#sawSession = true;
      this.#response = null;
      this.#hearing = false;
      this.onSession(session);
      if (!this.player.active) this.onState("ready");
    },
    "session.updated": ({ session }) => this.onSession(session, { updated: true }),
    "input_audio_buffer.speech_started": () => {
      this.#hearing = true;
      this.#stopPlaying();
      this.#spokeUntil = null;
      this.onState("listening");
    },
    "input_audio_buffer.speech_stopped": () => {
      this.#hearing = false;
      this.#spokeUntil = performance.now();
      this.onState("thinking");
    },
    "conversation.item.added": ({ item }) => this.#item(item),
    "conversation.item.done": ({ item }) => this.#item(item),
    "conversation.item.deleted": ({ item_id: id }) => this.transcript.remove(id),
    "conversation.item.input_audio_transcription.delta": ({ item_id: id, delta }) => this.transcript.add(id, "user", delta, { pending: true }),
    "conversation.item.input_audio_transcription.completed": ({ item_id: id, transcript }) => this.transcript.set(id, "user", transcript),
    "avatar.queue": ({ position, wait_seconds: wait }) => this.onState("line", { position, seconds: Math.ceil(wait ?? 0) }),
    "response.created": ({ response }) => {
      this.#response = { id: response.id, media: response.avatar ?? null, itemId: null };
      this.#seenSeconds = this.#timings = null;
      this.captions.clear();
      this.onState("thinking");
    },
    "response.output_item.added": ({ item }) => {
      if (!this.#response) return;
      this.#response.itemId = item.id;
      const media = this.#response.media;
      if (media?.number === undefined) return;
      const { id: responseId, itemId } = this.#response;
      this.player.begin({ number: media.number, responseId, itemId, start: media.start_seconds, mediaType: media.media_type });
    },
    "response.output_audio_transcript.delta": ({ delta, start_ms: start, response_id: id }) => {
      if (this.#response?.id === id) this.captions.add(delta, start ?? 0);
    },
    "response.output_audio_transcript.done": ({ item_id: id, transcript }) => {
      // Of an answer that was cut off, what was heard of it. One that still plays fills its entry as it is spoken.
      if (this.player.itemId !== id && this.transcript.has(id)) this.transcript.set(id, "assistant", transcript);
    },
    "response.output_text.delta": ({ item_id: id, delta }) => this.transcript.add(id, "assistant", delta),
    "response.output_video.done": ({ response_id: id }) => this.player.finish(id),
    "response.done": ({ response }) => this.#done(response),
    error: ({ error }) => {
      if (error.code === "response_cancel_not_active") return; // it had ended in the meantime
      this.onProblem(error.message);
      if (!this.answering) this.onState("ready");
    },
  };

  /** The current item of the answer gets its words as they are spoken; all others at once. */
  #item(item) {
    if (item.type !== "message" || item.role === "system" || item.id === this.#response?.itemId) return;
    if (item.role === "assistant" && this.transcript.has(item.id)) return;
    const texts = (item.content ?? []).map((part) => part.transcript ?? part.text ?? "");
    this.transcript.set(item.id, item.role, texts.join(" "));
  }

  /** A clause begins to be heard. */
  clause(text, itemId = this.player.itemId) {
    if (itemId) this.transcript.add(itemId, "assistant", text);
  }

  #done(response) {
    if (response.id !== this.#response?.id) return;
    this.#response = null;
    if (response.status === "cancelled") this.#stopPlaying();
    else this.player.finish(response.id);
    if (response.status === "failed") this.onProblem(response.status_details?.error?.message ?? say("c1011"));
    this.#timings = response.avatar?.timings ?? null;
    this.#tellLatency();
    if (!this.player.active && !this.#hearing) this.onState("ready");
  }

  /** Once both are known: a short answer is complete before its first picture is on the screen. */
  #tellLatency() {
    if (this.#timings && this.#seenSeconds !== null) this.latency.show(this.#timings, this.#seenSeconds);
  }
}

/** What the page always asks of its session, apart from who is seen and heard. */
export function sessionWishes({ handsFree, video }) {
  return {
    type: "realtime",
    output_modalities: [video ? "audio" : "text"],
    audio: {
      input: {
        format: { type: "audio/pcm", rate: MICROPHONE_RATE_HZ },
        turn_detection: handsFree ? { type: "server_vad", create_response: true, interrupt_response: true } : null,
      },
    },
    avatar: { video, binary: video },
  };
}
