/** The clause being spoken, its words appearing as they are said. */

/** Characters said in a second, by script: only until the next clause tells when this one ended. */
const PACE = { letters: 14, ideographs: 4.5 };
const IDEOGRAPHS = /[\u3400-\u9fff]/g;

/** How long it takes to say a text, roughly, in milliseconds. */
function spokenMs(text) {
  const ideographs = text.match(IDEOGRAPHS)?.length ?? 0;
  return 1000 * (ideographs / PACE.ideographs + (text.length - ideographs) / PACE.letters);
}

/** Text in the pieces that appear one by one: words, or characters where none are spaced apart. */
function pieces(text) {
  return text.match(/[\u3400-\u9fff][，。！？；：、]*|[^\s\u3400-\u9fff]+\s*|\s+/g) ?? [];
}

export class Captions {
  #clauses = [];
  #shown = null;
  #spans = [];

  /** `onClause(text)` is called when a clause's first word is said. */
  constructor(element, { onClause }) {
    this.element = element;
    this.onClause = onClause;
  }

  /** A clause that will be said from `startMs` of the answer on. */
  add(text, startMs) {
    const before = this.#clauses.at(-1);
    if (before) before.endMs = Math.min(before.endMs, Math.max(before.startMs + 1, startMs));
    this.#clauses.push({ text, startMs, endMs: startMs + spokenMs(text), said: false });
  }

  /** Everything up to that place of the answer has been said. */
  at(playedMs) {
    let current = null;
    for (const clause of this.#clauses) {
      if (clause.startMs > playedMs) break;
      if (!clause.said) this.onClause(clause.text);
      clause.said = true;
      current = clause;
    }
    if (!current) return;
    if (current !== this.#shown) this.#show(current);
    const part = (playedMs - current.startMs + 120) / (current.endMs - current.startMs);
    for (const { span, from } of this.#spans) span.classList.toggle("said", from <= part);
  }

  /** The answer is over, or was cut off. */
  clear() {
    this.#clauses = [];
    this.#shown = null;
    this.#spans = [];
    this.element.replaceChildren();
  }

  #show(clause) {
    this.#shown = clause;
    const all = pieces(clause.text.trim());
    const whole = all.reduce((sum, piece) => sum + spokenMs(piece), 0) || 1;
    let before = 0;
    this.#spans = all.map((piece) => {
      const span = document.createElement("span");
      span.textContent = piece;
      const from = before / whole;
      before += spokenMs(piece);
      return { span, from };
    });
    this.element.replaceChildren(...this.#spans.map(({ span }) => span));
  }
}
