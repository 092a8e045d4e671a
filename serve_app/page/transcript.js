/** What both have said. One entry an item of the conversation, by the server's item id. */

import { say } from "./words.js";

export class Transcript {
  #entries = new Map();

  constructor(log, empty) {
    this.log = log;
    this.empty = empty;
  }

  /** Sets what an item says. `pending`: it is still being recognised. An empty text makes no entry. */
  set(itemId, role, text, { pending = false } = {}) {
    if (!text.trim() && !this.#entries.has(itemId)) return;
    const entry = this.#entry(itemId, role);
    entry.words.textContent = text.trim();
    entry.item.classList.toggle("pending", pending);
    this.#follow();
  }

  /** Adds to what an item says. */
  add(itemId, role, text, options) {
    const before = this.#entries.get(itemId)?.words.textContent ?? "";
    const gap = before && !/[\s\u3400-\u9fff。，！？]$/.test(before) && !/^\s/.test(text) ? " " : "";
    this.set(itemId, role, before + gap + text, options);
  }

  has(itemId) { return this.#entries.has(itemId); }

  remove(itemId) {
    this.#entries.get(itemId)?.item.remove();
    this.#entries.delete(itemId);
  }

  /** The answer was cut off here. */
  interrupted(itemId) {
    const entry = this.#entries.get(itemId);
    if (!entry || entry.item.classList.contains("cut")) return;
    entry.item.classList.add("cut");
    const note = document.createElement("span");
    note.className = "note";
    note.textContent = `— ${say("interrupted")}`;
    entry.item.append(" ", note);
  }

  /** A line between what was and what comes. */
  divide(text) {
    if (!this.#entries.size) return;
    const item = document.createElement("li");
    item.className = "divider";
    item.textContent = text;
    this.log.append(item);
    this.#entries.clear();
    this.#follow();
  }

  clear() {
    this.#entries.clear();
    this.log.replaceChildren();
    this.empty.hidden = false;
  }

  #entry(itemId, role) {
    let entry = this.#entries.get(itemId);
    if (entry) return entry;
    const item = document.createElement("li");
    item.className = role;
    const who = document.createElement("span");
    who.className = "who";
    who.textContent = say(role === "user" ? "you" : "avatar");
    const words = document.createElement("span");
    words.className = "words";
    item.append(who, words);
    entry = { item, words };
    this.#entries.set(itemId, entry);
    this.log.append(item);
    this.empty.hidden = true;
    return entry;
  }

  /** Keeps the end in view, unless the person has scrolled up to read. */
  #follow() {
    const rest = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight;
    if (rest < 160) this.log.scrollTop = this.log.scrollHeight;
  }
}
