"""Media in the browser's buffer: a long answer does not fill it, and a full one is waited for."""

import base64
from collections.abc import Callable

from playwright.sync_api import Browser

from deployments.contracts import Pcm
from serve_app.media.fragments import FragmentWriter
from tests.browser.talking import clause
from tests.browser.visit import Visit
from tests.fakes.frames import encoded_frames

SECONDS = 60
FEED = """async ([type, parts, refusals]) => {
  const { BufferedSource } = await import("/page/source.js");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const append = SourceBuffer.prototype.appendBuffer;
  let refused = 0, longest = 0;
  SourceBuffer.prototype.appendBuffer = function (data) {
    if (this.buffered.length && this.buffered.end(0) > 20 && refused < refusals) {
      refused += 1;
      throw new DOMException("full", "QuotaExceededError");
    }
    return append.call(this, data);
  };
  const video = document.createElement("video");
  video.muted = true;
  const broken = [];
  const source = new BufferedSource(video, {
    onFilled: () => {
      const ranges = video.buffered;
      if (ranges.length) longest = Math.max(longest, video.currentTime - ranges.start(0));
    },
    onBroken: (reason) => broken.push(reason),
  });
  source.attach();
  source.setType(type);
  video.playbackRate = 12;
  video.play();
  for (const part of parts) {
    source.append(bytes(part));
    await new Promise((resolve) => setTimeout(resolve, 70));
  }
  for (let turn = 0; turn < 300 && video.currentTime < parts.length - 1.5; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const result = { position: video.currentTime, longest, refused, broken };
  source.clear();
  await new Promise((resolve) => setTimeout(resolve, 200));
  SourceBuffer.prototype.appendBuffer = append;
  return { ...result, left: video.buffered.length };
}"""


def test_what_was_played_is_given_up_and_a_full_buffer_is_waited_for(
    browser: Browser, visit: Callable[..., Visit]
) -> None:
    writer = FragmentWriter((64, 48))
    frames = encoded_frames(25 * SECONDS)
    sound = clause(260)  # a little more than the pictures
    parts = []
    for second in range(SECONDS):
        piece = Pcm(sound[24_000 * second : 24_000 * (second + 1)], 24_000)
        group = frames[25 * second : 25 * (second + 1)]
        parts.append((b"" if parts else writer.init_segment(group[0])) + writer.fragment(group, piece))
    page = visit(browser).page
    texts = [base64.b64encode(part).decode() for part in parts]
    result = page.evaluate(FEED, [writer.media_type, texts, 5])
    assert result["broken"] == []
    assert result["position"] > SECONDS - 3, "it stopped on the way"
    assert result["refused"] == 5
    assert result["longest"] < 35, "what was played stays in memory"
    assert result["left"] == 0
