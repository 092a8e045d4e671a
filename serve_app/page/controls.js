/** Buttons and keys: hold to talk, hands-free, interrupt, and the text field. */

import { say } from "./words.js";

/** A shorter press than this was a click by someone who expects a switch. */
const SHORTEST_HOLD_MS = 250;

export class Controls {
  #holding = false;
  #since = 0;
  #handsFree = false;

  /**
   * `onHold()` and `onRelease(long: boolean)`: push-to-talk. `onHandsFree(boolean)`, `onInterrupt()`, `onText(text)`
   * (false keeps the text in its field).
   */
  constructor(elements, handlers) {
    Object.assign(this, elements);
    this.handlers = handlers;
    this.#talkByPointer();
    this.#talkByKey();
    this.handsFree.addEventListener("click", () => handlers.onHandsFree(!this.#handsFree));
    this.interrupt.addEventListener("click", () => handlers.onInterrupt());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.text.value.trim();
      if (text && handlers.onText(text)) this.text.value = "";
    });
  }

  /** Shows what the buttons do now. */
  show({ handsFree = this.#handsFree, answering, connected }) {
    this.#handsFree = handsFree;
    this.handsFree.setAttribute("aria-checked", String(handsFree));
    this.talk.classList.toggle("live", handsFree);
    this.talk.classList.toggle("held", this.#holding);
    this.talkName.textContent = say(handsFree ? "stopListening" : "hold");
    this.hint.textContent = say(handsFree ? "handsFreeHint" : this.#holding ? "releaseHint" : "holdHint");
    if (answering !== undefined) this.interrupt.disabled = !answering;
    if (connected !== undefined) this.talk.classList.toggle("off", !connected);
  }

  level(value) {
    this.talk.style.setProperty("--level", value.toFixed(2));
  }

  #press() {
    if (this.#handsFree) {
      this.handlers.onHandsFree(false);
      return;
    }
    if (this.#holding) return;
    this.#holding = true;
    this.#since = performance.now();
    this.show({});
    this.handlers.onHold();
  }

  #release() {
    if (!this.#holding) return;
    this.#holding = false;
    this.show({});
    this.handlers.onRelease(performance.now() - this.#since >= SHORTEST_HOLD_MS);
  }

  #talkByPointer() {
    this.talk.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.talk.setPointerCapture(event.pointerId);
      this.#press();
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) this.talk.addEventListener(name, () => this.#release());
    this.talk.addEventListener("contextmenu", (event) => event.preventDefault());
    // A screen reader's activation has no pointer and cannot be held: it begins, and ends, an utterance.
    this.talk.addEventListener("click", (event) => {
      if (event.detail !== 0) return;
      if (this.#holding) this.#release();
      else this.#press();
    });
  }

  #talkByKey() {
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]") && !event.defaultPrevented) this.handlers.onInterrupt();
      if (!this.#isTalkKey(event)) return;
      event.preventDefault();
      if (!event.repeat) this.#press();
    });
    document.addEventListener("keyup", (event) => {
      if (!this.#isTalkKey(event) && !(this.#holding && event.key === " ")) return;
      event.preventDefault();
      this.#release();
    });
    window.addEventListener("blur", () => this.#release());
  }

  /** The space bar, unless it means something to the element that has the focus; Enter on the button too. */
  #isTalkKey({ key, target, ctrlKey, metaKey, altKey }) {
    if (ctrlKey || metaKey || altKey) return false;
    if (target === this.talk) return key === " " || key === "Enter";
    const own = target.closest?.("input, textarea, select, button, summary, a, audio, [role=radio], dialog");
    return key === " " && !own;
  }
}
