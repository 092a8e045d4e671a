"""For everybody: by keyboard alone, named for screen readers, in three languages, on a phone."""

from collections.abc import Callable

from playwright.sync_api import Browser

from tests.browser.conftest import PHONE
from tests.browser.visit import Visit

UNNAMED = """() => [...document.querySelectorAll("button, input, a, video, [role]")].filter((element) => {
  if (element.closest("[aria-hidden=true]") || !element.checkVisibility()) return false;
  const name = element.getAttribute("aria-label") || element.getAttribute("aria-labelledby")
    || element.labels?.length || element.textContent.trim() || element.getAttribute("alt");
  return !name;
}).map((element) => element.outerHTML.slice(0, 100))"""

CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [red, green, blue] = colour.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const bad = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest(".stage, :disabled, .unseen, .skip, noscript")) continue;
    const [one, other] = [light(rgb(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) bad.push([element.textContent.trim().slice(0, 30), contrast.toFixed(2)]);
  }
  return bad;
}"""


def test_everything_is_reached_by_keyboard(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    page.type("Hello?")
    page.wait_for_answer()
    page.wait_for_rest()
    page.page.focus("body")
    page.page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(24):
        page.page.keyboard.press("Tab")
        reached.append(
            page.page.evaluate(
                "document.activeElement.id || document.activeElement.name || document.activeElement.className"
            )
        )
    for name in ("language", "avatar", "voice", "add-avatar", "add-voice", "hands-free", "talk", "text", "log"):
        assert name in reached, f"Tab does not reach {name}: {reached}"
    page.page.focus("#text")
    page.page.keyboard.type("What is the capital of France?")
    page.page.keyboard.press("Enter")
    page.wait_for_answer()
    page.page.keyboard.press("Escape")
    page.wait_for_rest(1000)
    page.page.focus("#avatars input:checked")
    page.page.keyboard.press("ArrowRight")
    page.page.wait_for_selector("#portrait[alt='Astronaut']", state="attached")
    page.page.focus("#add-voice")
    page.page.keyboard.press("Enter")
    assert page.page.is_visible("#upload")
    page.page.keyboard.press("Escape")
    assert page.page.evaluate("document.activeElement.id") == "add-voice", "the focus does not come back"


def test_space_writes_a_space_where_one_writes(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    page.page.focus("#text")
    page.page.keyboard.type("a b")
    assert page.page.input_value("#text") == "a b"
    assert page.sent("audio") == []


def test_everything_has_a_name_and_can_be_read(browser: Browser, visit: Callable[..., Visit]) -> None:
    for scheme in ("light", "dark"):
        page = visit(browser, color_scheme=scheme)
        page.type("What is the capital of France?")
        page.wait_for_answer()
        page.wait_for_rest()
        page.wait_for_state("ready")
        assert page.page.evaluate(UNNAMED) == []
        assert page.page.evaluate(CONTRASTS) == []
        page.page.click("#add-avatar")
        assert page.page.evaluate(UNNAMED) == []
        assert page.page.evaluate(CONTRASTS) == []
    assert page.page.get_attribute("#log", "aria-live") == "polite"
    assert page.page.get_attribute("#state", "role") == "status"
    assert "synthetic" in page.page.inner_text(".synthetic")


def test_speaks_three_languages(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser, locale="es-ES")
    assert page.page.inner_text("#state-text") == "Listo"
    page.page.check("#languages input[value=zh]", force=True)
    assert page.page.inner_text("#state-text") == "就绪"
    assert page.page.get_attribute("html", "lang") == "zh"
    assert page.sent("session.update")[-1]["session"]["avatar"]["language"] == "zh"
    assert "Xiaoxiao" in page.page.inner_text("#voices") and "Dora" not in page.page.inner_text("#voices")
    page.page.reload()
    page.wait_for_state("ready")
    assert page.page.inner_text("#state-text") == "就绪", "the choice is forgotten"


def test_on_a_phone_the_panels_are_sheets(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser, PHONE)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    box = page.page.locator("#stage").bounding_box()
    assert box is not None and box["width"] == PHONE["width"] and box["height"] > 0.6 * PHONE["height"]
    for part in ("#talk", "#text", "#hands-free", ".synthetic"):
        place = page.page.locator(part).bounding_box()
        assert place is not None and place["y"] + place["height"] <= PHONE["height"], f"{part} is out of view"
    assert not page.page.is_visible("#choices")
    page.page.tap("#open-choices")
    page.page.wait_for_selector("#choices.open")
    page.page.keyboard.press("Escape")
    page.page.wait_for_selector("#choices", state="hidden")
    assert page.page.evaluate("document.activeElement.id") == "open-choices"
