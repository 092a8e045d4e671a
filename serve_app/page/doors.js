/** The HTTP doors of the server that this page came from. */

import { say } from "./words.js";

/** A refusal in the server's own words. `code` as in docs/http.md, or "unreachable". */
export class Refused extends Error {
  constructor(message, code, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export class Doors {
  /** `preferences.key` is sent where there is one. `onUnauthorised` is called when it is asked for. */
  constructor(preferences, onUnauthorised) {
    this.preferences = preferences;
    this.onUnauthorised = onUnauthorised;
  }

  /** The absolute address of a path below the page's own. */
  address(path) {
    return new URL(path.replace(/^\//, ""), document.baseURI);
  }

  /** A response that is not an error; throws Refused. `options` as of fetch. */
  async ask(path, options = {}) {
    const headers = { ...options.headers };
    if (this.preferences.key) headers.Authorization = `Bearer ${this.preferences.key}`;
    let response;
    try {
      response = await fetch(this.address(path), { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(say("unreachable"), "unreachable");
    }
    if (response.ok) return response;
    if (response.status === 401) this.onUnauthorised();
    throw await refusal(response);
  }

  async json(path, options) {
    return (await this.ask(path, options)).json();
  }

  /** The content as a URL for an element that cannot send the key itself. The caller revokes it. */
  async blobUrl(path, options) {
    return URL.createObjectURL(await (await this.ask(path, options)).blob());
  }
}

async function refusal(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    error = {}; // not one of our own answers: a proxy's page
  }
  const wait = response.headers.get("Retry-After");
  const message = response.status === 503 && wait ? say("busy", { seconds: wait }) : error.message;
  return new Refused(message ?? `${response.status} ${response.statusText}`, error.code ?? "unknown", response.status);
}
