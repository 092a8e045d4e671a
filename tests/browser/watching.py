"""Looking and listening inside the page: samples of what the answer's video shows and sounds like, with their times."""

from typing import Any

from playwright.sync_api import Page

WATCH = """
(() => {
  const video = document.getElementById("answer");
  const canvas = document.createElement("canvas");
  canvas.width = 64;
  canvas.height = 96;
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const seen = (window.seen = []);
  const heard = (window.heard = []);
  const mean = (data, channel) => {
    let sum = 0;
    for (let index = channel; index < data.length; index += 4) sum += data[index];
    return sum / (data.length / 4);
  };
  const look = (now, frame) => {
    paint.drawImage(video, 0, 0, 64, 96);
    const whole = paint.getImageData(0, 0, 64, 96).data;
    const mouth = paint.getImageData(26, 38, 12, 14).data;
    const corner = paint.getImageData(1, 1, 7, 7).data;
    seen.push({
      at: frame.expectedDisplayTime, mediaTime: frame.mediaTime,
      light: mean(whole, 1), mouth: mean(mouth, 1), corner: mean(corner, 2),
    });
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  window.listen = async () => {
    const context = new AudioContext({ latencyHint: "interactive" });
    let early = Infinity;
    window.clock = () => early;
    const source = context.createMediaElementSource(video);
    const listener = context.createScriptProcessor(256, 1, 1);
    source.connect(context.destination);
    source.connect(listener).connect(context.destination);
    listener.onaudioprocess = ({ inputBuffer, playbackTime }) => {
      const samples = inputBuffer.getChannelData(0);
      const turn = (2 * Math.PI * 1000) / context.sampleRate;
      let energy = 0, real = 0, imaginary = 0;
      for (let index = 0; index < samples.length; index++) {
        energy += samples[index] ** 2;
        real += samples[index] * Math.cos(turn * index);
        imaginary += samples[index] * Math.sin(turn * index);
      }
      // When the element handed these samples over. Later events only come later: the earliest sets the clock.
      const taken = 1000 * (playbackTime - 512 / context.sampleRate);
      early = Math.min(early, performance.now() - taken);
      const beep = Math.hypot(real, imaginary) / 256;
      heard.push({ taken, loud: Math.sqrt(energy / 256), beep, position: video.currentTime });
    };
    await context.resume();
  };
})();
"""


def watch(page: Page, listen: bool = True) -> None:
    """Begins to look; with `listen`, takes the sound over, too (which needs a gesture before)."""
    page.evaluate(WATCH)
    if listen:
        page.mouse.click(5, 5)
        page.evaluate("window.listen()")


def seen(page: Page) -> list[dict[str, Any]]:
    """Frames shown: `at` (ms) and `mediaTime` (s), mean brightness of `mouth`, `corner` and all (`light`), 0 to 255."""
    frames: list[dict[str, Any]] = page.evaluate("window.seen")
    return frames


def heard(page: Page) -> list[dict[str, Any]]:
    """Blocks of 256 samples: `at` (ms, as the element gives them out), `loud` (RMS), `beep` (1 kHz), `position` (s).

    The way from there to a loudspeaker is the test's own here; without it the browser holds pictures back for it.
    """
    blocks: list[dict[str, Any]] = page.evaluate("window.heard.map((b) => ({ ...b, at: b.taken + window.clock() }))")
    return blocks


def onsets(times: list[float], values: list[float], threshold: float, apart_ms: float = 400) -> list[float]:
    """When the values rise over a threshold, at least `apart_ms` after they were last above it."""
    found, last = [], -1e9
    for time, value in zip(times, values, strict=True):
        if value > threshold:
            if time - last > apart_ms:
                found.append(time)
            last = time
    return found
