/** One line that tells what went wrong, and how to go on. */

const SHOWN_MS = 9000;

export class Notice {
  #timer = 0;
  #topic = null;

  constructor({ box, text, action }) {
    Object.assign(this, { box, text, action });
  }

  /** `topic` is what hides it again; one without a topic goes by itself. `label` and `act` make a button. */
  show(message, { topic = null, label = null, act = null } = {}) {
    clearTimeout(this.#timer);
    this.#topic = topic;
    this.text.textContent = message;
    this.action.hidden = !label;
    this.action.textContent = label ?? "";
    this.action.onclick = act;
    this.box.hidden = false;
    if (!topic) this.#timer = setTimeout(() => { this.box.hidden = true; }, SHOWN_MS);
  }

  hide(topic) {
    if (this.#topic === topic) this.box.hidden = true;
  }
}
