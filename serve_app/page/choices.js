/** Who is seen and heard, and in which language: three groups of choices, with portraits and a taste of each voice. */

import { LANGUAGES, say } from "./words.js";

export class Choices {
  #avatars = [];
  #voices = [];
  #portraits = new Map();
  #sound = new Audio();
  #playing = null;

  /** `onChange(what)` with "language", "avatar" or "voice" after a choice. */
  constructor({ languages, avatars, voices, refusal, doors, preferences, onChange }) {
    Object.assign(this, { languages, avatars, voices, refusal, doors, preferences, onChange });
    this.#sound.addEventListener("ended", () => this.#silence());
  }

  /** The chosen avatar's entry; the first one where none was chosen, undefined before they are known. */
  get avatar() {
    return this.#avatars.find(({ id }) => id === this.preferences.avatar) ?? this.#avatars[0];
  }

  /** The chosen voice's id for the language; null for the language's own. */
  get voice() {
    const id = this.preferences.voice(this.preferences.language);
    return this.#offered().some((voice) => voice.id === id && !this.#isDefault(voice)) ? id : null;
  }

  /** Asks the server for all there is, and shows it. */
  async load() {
    try {
      const [{ avatars }, { voices }] = await Promise.all([this.doors.json("v1/avatars"), this.doors.json("v1/voices")]);
      this.#avatars = avatars;
      this.#voices = voices;
      this.refusal.hidden = true;
    } catch (error) {
      this.#refuse(say("noChoices", { reason: error.message }));
    }
    this.show();
  }

  show() {
    const { language } = this.preferences;
    this.languages.replaceChildren(...Object.entries(LANGUAGES).map(([code, name]) => {
      const choice = this.#radio("language", code, code === language, () => { this.preferences.language = code; });
      choice.lang = code;
      choice.append(text("span", name));
      return choice;
    }));
    this.avatars.replaceChildren(...this.#avatars.map((avatar) => this.#face(avatar)));
    this.voices.replaceChildren(...this.#offered().map((voice) => this.#voice(voice)));
  }

  /** The voices that speak the language, its own first; a matched voice speaks all. */
  #offered() {
    const { language } = this.preferences;
    const speaks = (voice) => voice.languages?.includes(language) ?? voice.language === language;
    const spoken = this.#voices.filter((voice) => voice.source === "upload" || speaks(voice));
    return spoken.sort((one, other) => this.#rank(one) - this.#rank(other));
  }

  /** Some voices speak several languages, and are the default of one. */
  #isDefault(voice) {
    return Boolean(voice.default) && voice.language === this.preferences.language;
  }

  #rank(voice) {
    return voice.source === "upload" ? 1 : this.#isDefault(voice) ? 0 : 2;
  }

  #face(avatar) {
    const choice = this.#radio("avatar", avatar.id, avatar.id === this.avatar?.id, () => { this.preferences.avatar = avatar.id; });
    const picture = document.createElement("img");
    picture.alt = "";
    this.#portrait(avatar).then((url) => { if (url) picture.src = url; });
    choice.append(picture, text("span", avatar.name || avatar.id));
    return avatar.source === "upload" ? this.#removable(choice, "avatars", avatar) : choice;
  }

  #voice(voice) {
    const chosen = this.voice ? voice.id === this.voice : this.#isDefault(voice) || (!this.#offered().some((one) => this.#isDefault(one)) && voice === this.#offered()[0]);
    const choice = this.#radio("voice", voice.id, chosen, () => this.preferences.chooseVoice(this.preferences.language, voice.id));
    const note = voice.source === "upload" ? say("yours") : this.#isDefault(voice) ? say("defaultVoice") : "";
    choice.append(text("span", voice.name || voice.id), text("small", note));
    const row = document.createElement("div");
    row.className = "voice-row";
    const listen = text("button", "▶");
    listen.type = "button";
    listen.className = "quiet listen";
    listen.setAttribute("aria-label", say("preview", { name: voice.name || voice.id }));
    listen.addEventListener("click", () => this.#listen(voice, listen));
    row.append(choice, listen);
    return voice.source === "upload" ? this.#removable(row, "voices", voice) : row;
  }

  #radio(name, value, checked, choose) {
    const label = document.createElement("label");
    label.className = "choice";
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name, value, checked });
    input.addEventListener("change", () => {
      choose();
      this.onChange(name);
    });
    label.append(input);
    return label;
  }

  #removable(element, noun, { id, name }) {
    const box = document.createElement("div");
    box.className = "removable";
    const remove = text("button", "✕");
    remove.type = "button";
    remove.className = "quiet remove";
    remove.setAttribute("aria-label", say("remove", { name: name || id }));
    remove.addEventListener("click", async () => {
      try {
        await this.doors.ask(`v1/${noun}/${encodeURIComponent(id)}`, { method: "DELETE" });
        await this.load();
        this.onChange(noun === "avatars" ? "avatar" : "voice");
      } catch (error) {
        this.#refuse(error.message);
      }
    });
    box.append(element, remove);
    return box;
  }

  /** The portrait as a URL that needs no key; fetched once. */
  #portrait(avatar) {
    if (!this.#portraits.has(avatar.id)) {
      const loading = this.doors.blobUrl(avatar.portrait).catch((error) => {
        console.info(`${avatar.portrait}: ${error.message}`);
        this.#portraits.delete(avatar.id);
        return null;
      });
      this.#portraits.set(avatar.id, loading);
    }
    return this.#portraits.get(avatar.id);
  }

  async #listen(voice, button) {
    const again = this.#playing === button;
    this.#silence();
    if (again) return;
    this.#playing = button;
    button.textContent = "…";
    const body = JSON.stringify({ model: "tts-1", voice: voice.id, input: say("sentence"), response_format: "wav" });
    try {
      const url = await this.doors.blobUrl("v1/audio/speech", { method: "POST", body, headers: { "Content-Type": "application/json" } });
      if (this.#playing !== button) {
        URL.revokeObjectURL(url);
        return;
      }
      this.refusal.hidden = true;
      this.#sound.src = url;
      await this.#sound.play();
      button.textContent = "■";
      button.setAttribute("aria-pressed", "true");
    } catch (error) {
      this.#silence();
      this.#refuse(error.message);
    }
  }

  #silence() {
    this.#sound.pause();
    if (this.#sound.src) URL.revokeObjectURL(this.#sound.src);
    if (this.#playing) {
      this.#playing.textContent = "▶";
      this.#playing.removeAttribute("aria-pressed");
    }
    this.#playing = null;
  }

  #refuse(message) {
    this.refusal.textContent = message;
    this.refusal.hidden = false;
  }
}

function text(tag, content) {
  const element = document.createElement(tag);
  element.textContent = content;
  return element;
}
