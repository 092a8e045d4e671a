"""A published XTTS-v2 checkpoint folder, loaded without running anything that lies in it, and without touching it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from deployments.errors import EngineFailed, WeightsMissing
from deployments.tts.settings import XttsSettings
from deployments.tts.torchaudio_stub import allow_torchaudio

allow_torchaudio()

from TTS.config.shared_configs import BaseDatasetConfig  # noqa: E402
from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig  # noqa: E402
from TTS.tts.models.xtts import Xtts  # noqa: E402

FILES = ("config.json", "model.pth", "vocab.json", "speakers_xtts.pth")
# The published model.pth holds its configuration as an object, by the name that its class had then.
_LEGACY = "TTS.tts.models.xtts"
_KNOWN: list[Any] = [
    BaseDatasetConfig,
    XttsConfig,
    XttsArgs,
    XttsAudioConfig,
    (XttsArgs, f"{_LEGACY}.XttsArgs"),
    (XttsAudioConfig, f"{_LEGACY}.XttsAudioConfig"),
]
_OTHER_NETWORKS = ("torch_mel_spectrogram_style_encoder", "torch_mel_spectrogram_dvae", "dvae")
"""Parts of a training checkpoint that speaking does not need."""


class SafeXtts(Xtts):  # type: ignore[misc]
    """The library's model, but for model.pth: it is read weights only, and never written back."""

    def __init__(self, config: XttsConfig, weights: dict[str, torch.Tensor]) -> None:
        super().__init__(config)
        self._given_weights = weights

    def get_compatible_checkpoint_state_dict(self, model_path: Path) -> dict[str, torch.Tensor]:
        """The weights by name, as `load_checkpoint` wants them."""
        return self._given_weights


def load_xtts(folder: Path, settings: XttsSettings) -> SafeXtts:
    """The model on its device, ready to speak. Raises WeightsMissing for a file that is absent or damaged, EngineFailed
    for a device that is not there; both with the remedy."""
    _require_device(settings.device)
    torch.set_num_threads(settings.threads)
    for name in FILES:
        if not (folder / name).is_file():
            raise WeightsMissing(f"{folder / name} does not exist. {_remedy(settings)}")
    # Each file by hand first, so that what is wrong with one is not told of another.
    with _reading(folder / "config.json", settings):
        config = XttsConfig()
        config.load_json(str(folder / "config.json"))
    with _reading(folder / "vocab.json", settings):
        Tokenizer.from_file(str(folder / "vocab.json"))
    with _reading(folder / "speakers_xtts.pth", settings):
        for entry in torch.load(folder / "speakers_xtts.pth", map_location="cpu", weights_only=True).values():
            if entry["gpt_cond_latent"].ndim != 3 or entry["speaker_embedding"].ndim != 3:
                raise ValueError("voices of another shape")
    with _reading(folder / "model.pth", settings):
        model = SafeXtts(config, _weights(folder / "model.pth"))
        model.load_checkpoint(config, checkpoint_dir=str(folder), eval=True, use_deepspeed=False)
    fold_weight_norm(model.hifigan_decoder)
    return _placed(model, settings)


def _weights(path: Path) -> dict[str, torch.Tensor]:
    """Without those of networks that only training needs."""
    with torch.serialization.safe_globals(_KNOWN):
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    names = {name.removeprefix("xtts."): value for name, value in content["model"].items()}
    return {name: value for name, value in names.items() if name.split(".")[0] not in _OTHER_NETWORKS}


def fold_weight_norm(module: torch.nn.Module) -> None:
    """Compute normalised weights once instead of at every run. Exact."""
    for part in module.modules():
        if torch.nn.utils.parametrize.is_parametrized(part, "weight"):
            torch.nn.utils.parametrize.remove_parametrizations(part, "weight")


def _placed(model: SafeXtts, settings: XttsSettings) -> SafeXtts:
    """On the device, the language model in the precision asked for."""
    if settings.precision == "float16":
        model.gpt.half()
        # What stands for the positional embedding, which XTTS has elsewhere, makes float32 zeros by itself.
        model.gpt.gpt.wpe = _no_positions(model.args.gpt_n_model_channels)
        # These hear the sample, once a voice: in half precision their log spectra would lose what tells voices apart.
        model.gpt.conditioning_encoder.float()
        if model.gpt.use_perceiver_resampler:
            model.gpt.conditioning_perceiver.float()
    try:
        model.to(settings.device)
    except torch.OutOfMemoryError as error:
        raise EngineFailed(
            f"XTTS-v2 does not fit on the card ({error}). Give the replica more with tts.gpu.vram_gigabytes, or run "
            "fewer replicas on this card."
        ) from error
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


def _no_positions(width: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def zeros(positions: torch.Tensor) -> torch.Tensor:
        return torch.zeros((*positions.shape, width), dtype=torch.float16, device=positions.device)

    return zeros


@contextmanager
def _reading(path: Path, settings: XttsSettings) -> Iterator[None]:
    """What goes wrong while a file is read is said of that file. The libraries raise whatever they meet."""
    try:
        yield
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise WeightsMissing(f"{path} is not what XTTS-v2 needs ({reason}). Delete it. {_remedy(settings)}") from error


def _require_device(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise EngineFailed(
            "XTTS-v2 is to run on CUDA, which torch does not find here. Install the NVIDIA driver and a torch with "
            "CUDA, give the TTS deployment num_gpus in its ray_actor_options, or set tts.xtts.device to cpu."
        )


def _remedy(settings: XttsSettings) -> str:
    return f"Fetch it with: avatar models pull {settings.weights}"
