/** The face while nobody speaks: portrait below, idle clip above it, answers above both. */

const FADE_MS = 140;

export class IdleFace {
  #urls = [];
  #shown = null;
  #hiding = 0;

  /** `stage` is the box around the three layers. */
  constructor({ stage, portrait, idle, doors }) {
    this.stage = stage;
    this.portrait = portrait;
    this.idle = idle;
    this.doors = doors;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.still.addEventListener("change", () => this.#move());
    document.addEventListener("visibilitychange", () => this.#move());
  }

  /** Shows an avatar at rest. `idleUrl` is where its clip is; without one the portrait stays. */
  async show(id, { idleUrl, portraitUrl, name = "" }) {
    if (this.#shown === id) return;
    this.#shown = id;
    const [portrait, clip] = await Promise.all([this.#load(portraitUrl), this.#load(idleUrl)]);
    if (this.#shown !== id) return;
    const old = this.#urls;
    this.#urls = [portrait, clip].filter(Boolean);
    this.portrait.alt = name;
    this.portrait.hidden = !portrait;
    if (portrait) this.portrait.src = portrait;
    this.stage.dataset.clip = "none";
    if (clip) {
      this.idle.src = clip;
      this.idle.onloadeddata = () => { this.stage.dataset.clip = "there"; };
      this.#move();
    } else {
      this.idle.removeAttribute("src");
      this.idle.load();
    }
    for (const url of old) URL.revokeObjectURL(url);
  }

  /** The answer's first picture is there: it lies in the idle pose, so the two are only blended. */
  giveWay() {
    clearTimeout(this.#hiding);
    this.stage.dataset.view = "answer";
    this.#hiding = setTimeout(() => this.idle.pause(), 2 * FADE_MS);
  }

  /** Back to rest. The clip goes on from its first picture, in which answers end. */
  async comeBack() {
    clearTimeout(this.#hiding);
    if (this.stage.dataset.view === "idle") return;
    this.idle.currentTime = 0;
    this.#move();
    this.stage.dataset.view = "idle";
  }

  #move() {
    const hidden = document.visibilityState === "hidden" || this.stage.dataset.view === "answer";
    if (!this.idle.src) return;
    if (this.still.matches || hidden) this.idle.pause();
    else this.idle.play().catch(() => this.idle.pause());
  }

  async #load(url) {
    if (!url) return null;
    try {
      return await this.doors.blobUrl(url);
    } catch (error) {
      console.info(`${url}: ${error.message}`);
      return null;
    }
  }
}
