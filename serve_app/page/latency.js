/** Where the time of the last answer went, as small bars. */

import { say } from "./words.js";

/** Points in time in the order in which they come, each counted from the turn's start. */
const POINTS = ["transcript", "first_token", "first_clause", "first_speech", "first_media"];

/**
 * The stretches of one answer: [{name, seconds}]. `timings` as in response.done, in seconds. `seenSeconds`: from when
 * this page knew that the person had ended, after the silence, to the first picture on the screen.
 */
export function stretches(timings, seenSeconds) {
  const parts = [];
  if (timings.silence_wait !== undefined) parts.push({ name: "silence_wait", seconds: timings.silence_wait });
  let before = 0;
  for (const name of POINTS) {
    if (timings[name] === undefined) continue;
    parts.push({ name, seconds: Math.max(0, timings[name] - before) });
    before = Math.max(before, timings[name]);
  }
  const total = seenSeconds + (timings.silence_wait ?? 0);
  const known = timings.end_of_speech_to_first_media ?? parts.reduce((sum, part) => sum + part.seconds, 0);
  if (total > known) parts.push({ name: "onScreen", seconds: total - known });
  return parts;
}

export class Latency {
  #last = null;

  constructor({ section, total, rows }) {
    this.section = section;
    this.total = total;
    this.rows = rows;
  }

  show(timings, seenSeconds) {
    this.#last = [timings, seenSeconds];
    const parts = stretches(timings, seenSeconds);
    this.section.hidden = !parts.length;
    if (!parts.length) return;
    this.total.textContent = seconds(seenSeconds + (timings.silence_wait ?? 0));
    const longest = Math.max(...parts.map((part) => part.seconds), 0.001);
    this.rows.replaceChildren(...parts.map((part) => row(part, part.seconds / longest)));
  }

  /** In the language that is spoken now. */
  again() {
    if (this.#last) this.show(...this.#last);
  }
}

function row({ name, seconds: length }, part) {
  const line = document.createElement("tr");
  const title = document.createElement("th");
  title.scope = "row";
  title.textContent = say(name);
  const bar = document.createElement("meter");
  bar.max = 1;
  bar.value = Math.max(0.01, part);
  bar.setAttribute("aria-hidden", "true");
  const cells = [bar, seconds(length)].map((content) => {
    const cell = document.createElement("td");
    cell.append(content);
    return cell;
  });
  line.append(title, ...cells);
  return line;
}

function seconds(value) {
  return `${value.toFixed(2)} s`;
}
