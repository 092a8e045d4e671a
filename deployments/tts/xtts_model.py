"""XTTS-v2's networks: a sample to a voice, a text to latents, token by token. One generation at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr
import torch

from deployments.contracts import Float32, Pcm
from deployments.errors import BadInput, Unsupported
from deployments.tts.settings import XttsSettings
from deployments.tts.xtts_checkpoint import load_xtts
from deployments.tts.xtts_vocoder import Vocoder
from deployments.tts.xtts_voice import Latents

_SPARE_TOKENS = 24
"""About a second: what the shortest text may take."""


class XttsModel:
    """The loaded checkpoint. `rate_hz`: of the sound it makes. `width`, `embedding_width`: of `Latents`."""

    def __init__(self, folder: Path, settings: XttsSettings) -> None:
        self._settings = settings
        self._model = load_xtts(folder, settings)
        self._gpt = self._model.gpt
        self._config = self._model.config
        self.rate_hz = int(self._model.args.output_sample_rate)
        self.width = int(self._model.args.gpt_n_model_channels)
        self.embedding_width = int(self._model.args.d_vector_dim)
        self.most_text_tokens = int(self._model.args.gpt_max_text_tokens) - 2
        self.speakers = {name: self._published(entry) for name, entry in self._model.speaker_manager.speakers.items()}

    def hear(self, sample: Pcm) -> Latents:
        """Whose voice it is, from all of the sample, as the checkpoint's own settings say."""
        rate = int(self._model.args.input_sample_rate)
        samples = np.asarray(soxr.resample(sample.samples, sample.rate_hz, rate), np.float32)
        seconds = min(self._settings.sample_seconds, int(self._config.max_ref_len))
        sound = torch.from_numpy(np.clip(samples[: seconds * rate], -1, 1))[None].to(self._settings.device)
        length, chunk = int(self._config.gpt_cond_len), int(self._config.gpt_cond_chunk_len)
        embedding = self._model.get_speaker_embedding(sound, rate)
        conditioning = self._model.get_gpt_cond_latents(sound, rate, length=length, chunk_length=chunk)
        return Latents(_numpy(conditioning), _numpy(embedding))

    def tokens(self, text: str, language: str) -> list[int]:
        """The text as the model reads it. Raises Unsupported where the language's reader is missing or cannot."""
        try:
            return list(self._model.tokenizer.encode(text.strip().lower(), lang=language))
        except ImportError as error:
            raise Unsupported(f"To read {language!r} aloud a package is missing: {error}.") from error
        except NotImplementedError as error:
            raise BadInput(f"{text[:60]!r} cannot be read aloud in {language!r}: write numbers in words.") from error

    def most_tokens(self, text: str, language: str) -> int:
        """Most sound tokens that are made of a text, by its length as it is read, numbers in words and Chinese in
        Latin letters: what is longer is babble."""
        read = self._model.tokenizer.preprocess_text(text.strip().lower(), language)
        expected = _SPARE_TOKENS + round(self._settings.tokens_per_character * len(read))
        return min(int(self._gpt.max_gen_mel_tokens), expected)

    @torch.inference_mode()
    def latents(self, tokens: list[int], voice: Latents, most_tokens: int, seed: int) -> Iterator[torch.Tensor]:
        """One latent after the other, float32 [1, width] each. The same seed gives the same.

        The sampler is torch's own, and what the text conditions lies in the model: nothing else may generate before
        this has ended.
        """
        settings, device = self._settings, self._settings.device
        torch.manual_seed(seed)
        conditioning = torch.from_numpy(voice.conditioning).to(device, self._gpt.text_embedding.weight.dtype)
        text = torch.tensor([tokens], dtype=torch.int32, device=device)
        sounds = self._gpt.get_generator(
            fake_inputs=self._gpt.compute_embeddings(conditioning, text),
            do_sample=True,
            num_beams=1,
            num_return_sequences=1,
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
            repetition_penalty=settings.repetition_penalty,
            length_penalty=1.0,
            output_attentions=False,
            output_hidden_states=True,
            return_dict_in_generate=True,
        )
        for count, (_, latent) in enumerate(sounds, 1):
            yield latent.float()
            if count >= most_tokens:
                return

    def vocoder(self, voice: Latents, speed: float) -> Vocoder:
        """A vocoder for one utterance."""
        return Vocoder(self._model.hifigan_decoder, torch.from_numpy(voice.embedding).to(self._settings.device), speed)

    def _published(self, entry: dict[str, torch.Tensor]) -> Latents:
        return Latents(_numpy(entry["gpt_cond_latent"]), _numpy(entry["speaker_embedding"]))


def _numpy(tensor: torch.Tensor) -> Float32:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())
