/** The person's turn: by holding a button, or hands-free. */

import { sessionWishes } from "./conversation.js";
import { Microphone } from "./microphone.js";
import { say } from "./words.js";

/** The end of a word that is said while the button is let go. */
const RELEASE_TAIL_MS = 150;
/** Held again within this time, it hears at once; after it, the microphone is given back. */
const MICROPHONE_KEPT_MS = 90_000;

export class Speech {
  handsFree = false;
  #holding = false;
  #keeping = 0;

  /** `onLevel(0..1)`: loudness. `onState(name)` as Conversation's. `onRefused()`: there is no microphone. */
  constructor({ socket, player, conversation, notice, video, onLevel, onState, onRefused }) {
    Object.assign(this, { socket, player, conversation, notice, video, onState, onRefused });
    this.microphone = new Microphone({
      onAudio: (buffer) => socket.sendAudio(buffer),
      onLevel,
      onLost: () => {
        notice.show(say("micAbsent"));
        this.listenFreely(false);
      },
    });
  }

  /** The button goes down. The answer under way stops; what is said from now on is sent. */
  async hold() {
    this.#holding = true;
    clearTimeout(this.#keeping);
    this.player.unlock();
    this.conversation.interrupt();
    const asked = !this.microphone.open;
    if (!(await this.#open())) return;
    if (!this.#holding) {
      if (asked) this.notice.show(say("micReady"), { topic: "microphone" });
      return;
    }
    this.socket.send({ type: "input_audio_buffer.clear" });
    await this.microphone.listen("hold");
    if (this.#holding) this.onState("listening");
  }

  /** The button goes up. `long` is false where it was only touched. */
  async release(long) {
    const spoke = this.#holding && this.microphone.open;
    this.#holding = false;
    this.#keeping = setTimeout(() => !this.handsFree && this.microphone.stop(), MICROPHONE_KEPT_MS);
    if (!spoke) return;
    if (long) await new Promise((resolve) => { setTimeout(resolve, RELEASE_TAIL_MS); });
    await this.microphone.listen("off");
    if (long) {
      this.conversation.answerSpeech();
      return;
    }
    this.socket.send({ type: "input_audio_buffer.clear" });
    this.notice.show(say("tooShort"), { topic: "microphone" });
    this.onState("ready");
  }

  /** Hands-free, or not. The server then finds the ends of turns, and hears interruptions. */
  async listenFreely(on) {
    this.player.unlock();
    this.handsFree = on && (await this.#open());
    clearTimeout(this.#keeping);
    const { input } = sessionWishes({ handsFree: this.handsFree, video: this.video }).audio;
    this.socket.send({ type: "session.update", session: { type: "realtime", audio: { input } } });
    if (this.handsFree) await this.microphone.listen("gate");
    else this.microphone.stop();
    this.onState();
  }

  async #open() {
    try {
      await this.microphone.start();
      this.notice.hide("microphone");
      return true;
    } catch (error) {
      if (!error.reason) throw error;
      this.notice.show(say(error.reason), { topic: "microphone" });
      this.onRefused();
      return false;
    }
  }
}
