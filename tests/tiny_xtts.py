"""A small XTTS checkpoint with random weights, made in a second: the published layout and architecture, so that the
library's own loading, hearing and speaking run on it. 92 MB of it (vocoder and speaker encoder) have a fixed size: it
is made where it is needed and never kept."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from deployments.tts.xtts_checkpoint import Xtts, XttsArgs, XttsConfig

LAYERS, WIDTH, HEADS, SOUND_TOKENS = 2, 64, 2, 20
SPEAKERS = ("AF Heart", "Ana Test", "Benito Prueba")
_EXTRA = "áéíóúñü¿¡àâçèêëîïôùûäöß，。！？：；、"


def write_vocabulary(path: Path, languages: list[str]) -> None:
    special = ["[STOP]", "[UNK]", "[SPACE]", "[START]", *(f"[{language}]" for language in languages)]
    letters = [chr(code) for code in range(33, 127)] + list(_EXTRA)
    vocabulary = {text: number for number, text in enumerate([*special, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="[UNK]"))
    tokenizer.add_special_tokens(special)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(path))


def make_checkpoint(folder: Path) -> Path:
    """Fills the folder, and returns it."""
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer  # only now: torchaudio is importable

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    config = XttsConfig(
        model_args=XttsArgs(
            gpt_layers=LAYERS,
            gpt_n_model_channels=WIDTH,
            gpt_n_heads=HEADS,
            decoder_input_dim=WIDTH,
            gpt_max_audio_tokens=SOUND_TOKENS,
            gpt_num_audio_tokens=66,
            gpt_start_audio_token=64,
            gpt_stop_audio_token=65,
            gpt_use_perceiver_resampler=True,
            d_vector_dim=512,
        )
    )
    write_vocabulary(folder / "vocab.json", config.languages)
    model = Xtts(config)
    model.tokenizer = VoiceBpeTokenizer(folder / "vocab.json")
    model.init_models()
    with torch.no_grad():  # random weights whisper
        for module in model.hifigan_decoder.waveform_decoder.modules():
            if isinstance(module, torch.nn.ConvTranspose1d):
                module.parametrizations.weight.original0.mul_(3)
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    config.save_json(str(folder / "config.json"))
    voices = {
        name: {"gpt_cond_latent": 0.1 * torch.randn(1, 32, WIDTH), "speaker_embedding": 0.1 * torch.randn(1, 512, 1)}
        for name in SPEAKERS
    }
    torch.save(voices, folder / "speakers_xtts.pth")
    return folder
