"""A small Whisper of large-v3's shape with random weights, in CTranslate2's format, made in a second or two: 128 mel
bands, the vocabulary of 51866 tokens with Cantonese, alignment heads of its own. It hears nothing."""

import json
from pathlib import Path

import torch
from faster_whisper.tokenizer import _LANGUAGE_CODES
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from deployments.tts.torchaudio_stub import allow_torchaudio

allow_torchaudio()  # transformers imports it where it is installed

from ctranslate2.converters.transformers import WhisperLoader  # noqa: E402
from transformers import WhisperConfig, WhisperForConditionalGeneration  # noqa: E402

MEL_BANDS, TEXT_TOKENS, TOKENS, WIDTH = 128, 50_257, 51_866, 32
# The order of the published tokenizer: languages as Whisper numbers them, Cantonese last.
_FIRST = ("en", "zh", "de", "es")
LANGUAGES = (*_FIRST, *(one for one in _LANGUAGE_CODES if one not in (*_FIRST, "yue")), "yue")
SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{0.02 * step:.2f}|>" for step in range(1501)),
)


def make_whisper(folder: Path, seed: int = 0) -> Path:
    """Fills the folder with model.bin, config.json, tokenizer.json and vocabulary.json, and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    # The empty word, the last one, is what the library knows a multilingual vocabulary by.
    words = [*letters, *(f"w{number}" for number in range(TEXT_TOKENS - len(letters) - 1)), ""]
    tokens = [*words, *SPECIAL]
    assert len(tokens) == TOKENS
    tokenizer = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=TOKENS,
        num_mel_bins=MEL_BANDS,
        d_model=WIDTH,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        pad_token_id=TEXT_TOKENS,
        bos_token_id=TEXT_TOKENS,
        eos_token_id=TEXT_TOKENS,
        decoder_start_token_id=TEXT_TOKENS + 1,
        init_std=0.4,
    )
    spec = WhisperLoader().get_model_spec(WhisperForConditionalGeneration(config).eval())
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids = list(range(TEXT_TOKENS + 1, TOKENS))
    spec.config.suppress_ids_begin = [TEXT_TOKENS]
    spec.config.lang_ids = [tokens.index(f"<|{language}|>") for language in LANGUAGES]
    spec.config.alignment_heads = [(1, 0), (1, 1)]
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    assert json.loads((folder / "config.json").read_text())["alignment_heads"] == [[1, 0], [1, 1]]
    return folder
