"""Written text as it is said, in three languages, and the phonemes of it."""

from collections.abc import Sequence

import pytest

from deployments.tts.mandarin import spoken_chinese
from deployments.tts.phonemes import Phonemizer, ids_of, speakable, vocabulary
from deployments.tts.pieces import split_phonemes
from deployments.tts.written_english import spoken_english
from deployments.tts.written_spanish import spoken_spanish

pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Dr. Smith paid $3.50 vs. $1.", "doctor Smith paid 3 dollars and 50 cents versus 1 dollar."),
        ("in 1969 and 2024, not 2007", "in 19 69 and 20 24, not 2007"),
        ("the 1990s", "the 19 nineties"),
        ("at 10:05 p.m. or 3:00", "at 10 oh 5 P M or 3 o'clock"),
        ("5pm", "5 P M"),
        ("1,234.5 km at 20 °C", "1234.5 kilometers at 20 degrees Celsius"),
        ("1 kg, 2 kg", "1 kilogram, 2 kilograms"),
        ("5–10%", "5 to 10 percent"),
        ("$2.5 million and $5k", "2.5 million dollars and 5000 dollars"),
        ("-5 degrees", "minus 5 degrees"),
        ("1/2 cup & more", "one half cup and more"),
        ("me@site.com", "me at site dot com"),
        ("a well-known 3D film", "a well-known 3D film"),
    ],
)
def test_english(written: str, said: str) -> None:
    assert spoken_english(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("El Sr. García pagó 12,50 €.", "El señor García pagó 12 euros con 50 céntimos."),
        ("a las 10:30 o a la 1:15", "a las 10 y media o a la una y cuarto"),
        ("EE. UU. tiene 1.234.567", "Estados Unidos tiene 1234567"),
        ("20 °C, 1 m y 25 %", "20 grados Celsius, 1 metro y 25 por ciento"),
        ("$2 millones", "2 millones de dólares"),
        ("n.º 1, p. ej. esto", "número 1, por ejemplo esto"),
    ],
)
def test_spanish(written: str, said: str) -> None:
    assert spoken_spanish(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("价格是¥3.50。", "价格是三点五元。"),
        ("有2个，1,234元", "有两个，一千二百三十四元"),
        ("涨了3.5%", "涨了百分之三点五"),
        ("10:30见", "十点半见"),
        ("约5kg", "约五千克"),
        ("$20", "二十美元"),
        ("1998年5月3日", "一九九八年五月三日"),
    ],
)
def test_chinese(written: str, said: str) -> None:
    assert spoken_chinese(written) == (said, [])


def test_foreign_words_are_taken_out_of_chinese_whole() -> None:
    said, foreign = spoken_chinese("我用Python和iPhone 15")
    assert foreign == ["Python", "iPhone"]
    assert "十五" in said


class Letters:
    """A speller that says what it was asked, so that tests can see it."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], str]] = []

    def spell(self, phrases: Sequence[str], voice: str) -> list[str]:
        self.asked.append((tuple(phrases), voice))
        return ["fa^ɪv" for _ in phrases]


def test_punctuation_stays_and_never_reaches_the_speller() -> None:
    letters = Letters()
    spelled = Phonemizer(letters).spell("Well, it is 3.5 (really): yes!", "en")
    assert letters.asked == [(("Well", "it is 3.5", "really", "yes"), "en-us")]
    assert spelled == "fIv, fIv (fIv): fIv!"


def test_accents_and_languages_have_their_own_spelling() -> None:
    letters = Letters()
    phonemizer = Phonemizer(letters)
    phonemizer.spell("Hello", "en", "en-gb")
    phonemizer.spell("Hola", "es")
    assert [voice for _, voice in letters.asked] == ["en", "es"]


def test_mixed_scripts_are_each_read_in_their_language() -> None:
    letters = Letters()
    phonemizer = Phonemizer(letters)
    assert phonemizer.spell("我爱Python。", "zh").endswith("fIv.")
    assert "ni↓xau↓" in phonemizer.spell("The word 你好 means hello.", "en")
    assert letters.asked[0] == (("Python",), "en-us")


def test_signs_controls_and_unknown_scripts_are_not_read_out() -> None:
    letters = Letters()
    Phonemizer(letters).spell("Hi 🙂\x00there ペン, naïve 20 °C", "en")
    assert letters.asked == [(("Hi there", "naïve 20 degrees Celsius"), "en-us")]
    assert spoken_chinese(speakable("３．５％"))[0] == "百分之三点五"


def test_marks_of_another_language_are_taken_out() -> None:
    class Switching(Letters):
        def spell(self, phrases: Sequence[str], voice: str) -> list[str]:
            return ["el (e^n)sˈɔftwɛɹ(e^s)" for _ in phrases]

    assert "(" not in Phonemizer(Switching()).spell("el software", "es")


@pytest.mark.parametrize("text", ["...", "?!", "🙂", "  "])
def test_what_cannot_be_said_has_no_words(text: str) -> None:
    letters = Letters()
    spelled = Phonemizer(letters).spell(text, "en")
    assert not any(letter.isalpha() for letter in spelled)


def test_the_vocabulary_is_the_models() -> None:
    assert len(vocabulary()) == 114
    assert ids_of("həlˈO!") == [50, 83, 54, 156, 31, 5]
    assert ids_of("☃") == []


def test_long_phonemes_are_cut_at_the_best_mark() -> None:
    text = "aaaa bbbb. cccc dddd, eeee ffff gggg."
    assert split_phonemes(text, 30) == ["aaaa bbbb.", "cccc dddd, eeee ffff gggg."]
    assert split_phonemes("a" * 50, 20) == ["a" * 20, "a" * 20, "a" * 10]
    assert split_phonemes("", 20) == []
    pieces = split_phonemes(" ".join(["word"] * 300), 100)
    assert " ".join(pieces) == " ".join(["word"] * 300)
    assert max(map(len, pieces)) <= 100
