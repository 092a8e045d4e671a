/** What the person chose, kept in localStorage; the key and the session in sessionStorage, gone with the tab. */

import { LANGUAGES } from "./words.js";

/** A page may be denied its storage; it then forgets, and works. */
function stored(storage, name) {
  try {
    return JSON.parse(window[storage].getItem(`avatar.${name}`) ?? "null");
  } catch {
    return null;
  }
}

function store(storage, name, value) {
  try {
    if (value === null) window[storage].removeItem(`avatar.${name}`);
    else window[storage].setItem(`avatar.${name}`, JSON.stringify(value));
  } catch (error) {
    console.info("This page may not keep its settings:", error.message);
  }
}

function browsersLanguage() {
  const codes = navigator.languages.map((tag) => tag.split("-")[0]);
  return codes.find((code) => code in LANGUAGES) ?? "en";
}

export class Preferences {
  get language() {
    const code = stored("localStorage", "language");
    return code in LANGUAGES ? code : browsersLanguage();
  }
  set language(code) { store("localStorage", "language", code); }

  /** An avatar's id; null for the server's own. */
  get avatar() { return stored("localStorage", "avatar"); }
  set avatar(id) { store("localStorage", "avatar", id); }

  /** The voice's id for a language; null for that language's own. */
  voice(language) { return stored("localStorage", "voices")?.[language] ?? null; }
  chooseVoice(language, id) { store("localStorage", "voices", { ...stored("localStorage", "voices"), [language]: id }); }

  get key() { return stored("sessionStorage", "key"); }
  set key(text) { store("sessionStorage", "key", text); }

  /** {id, token} of the session to go on with, or null. */
  get session() { return stored("sessionStorage", "session"); }
  set session(session) { store("sessionStorage", "session", session); }
}
