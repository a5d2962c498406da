"""Owns the torch hybrid: a frozen Wav2Vec2 encoder under a 1D-CNN branch, beside a 2D-CNN on log-mels."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import ModelError, WeightsError
from models.emotion.labels import EMOTIONS

__all__ = [
    "EmotionHybrid",
    "HybridSettings",
    "LogMel",
    "load_hybrid",
    "load_trained",
    "mel_matrix",
    "random_hybrid",
    "save_trained",
]

_SAMPLE_RATE_HZ: Final = 16_000
_SLANEY_BREAK_HZ: Final = 1000.0
_SLANEY_LINEAR_HZ: Final = 200.0 / 3.0
_SLANEY_LOG_STEP: Final = math.log(6.4) / 27.0
_PEAK_FLOOR: Final = 1e-3
_FORMAT: Final = "attune-hybrid-1"


def _hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear to 1 kHz, logarithmic above (Auditory Toolbox, 1998)."""
    linear = hz / _SLANEY_LINEAR_HZ
    above = np.log(np.maximum(hz, _SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
    return np.where(hz < _SLANEY_BREAK_HZ, linear, _SLANEY_BREAK_HZ / _SLANEY_LINEAR_HZ + above)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of `_hz_to_mel`."""
    break_mel = _SLANEY_BREAK_HZ / _SLANEY_LINEAR_HZ
    above = _SLANEY_BREAK_HZ * np.exp(_SLANEY_LOG_STEP * (np.maximum(mel, break_mel) - break_mel))
    return np.where(mel < break_mel, mel * _SLANEY_LINEAR_HZ, above)


def mel_matrix(n_mels: int, n_fft: int, low_hz: float, high_hz: float) -> NDArray[np.float32]:
    """Triangular mel filters on Slaney's scale, each with peak 1.

    Parameters
    ----------
    n_mels
        Number of bands.
    n_fft
        Length of the Fourier transform in samples at 16 kHz.
    low_hz, high_hz
        Lower edge of the first and upper edge of the last filter; 0 <= low < high <= 8000.

    Returns
    -------
    ndarray
        float32, ``(n_fft // 2 + 1, n_mels)``.
    """
    ends = _hz_to_mel(np.array([low_hz, high_hz]))
    edges_hz = _mel_to_hz(np.linspace(ends[0], ends[1], n_mels + 2))
    bins_hz = np.arange(n_fft // 2 + 1)[:, None] * (_SAMPLE_RATE_HZ / n_fft)
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz - left) / (centre - left)
    falling = (right - bins_hz) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


class LogMel(nn.Module):
    """Natural-log mel powers of 16 kHz audio, as one convolution, so that it exports to a fast graph.

    The Fourier transform is a product with fixed cosine and sine rows under a periodic Hann window
    scaled to sum 1 (a full-scale sine has power 1/4). Frames are not centred: frame ``t`` starts at
    sample ``t * hop_samples``.

    Parameters
    ----------
    n_mels
        Number of bands.
    n_fft, window_samples, hop_samples
        Lengths in samples at 16 kHz; ``window_samples <= n_fft``.
    low_hz, high_hz
        Edges of the mel filters.
    floor
        Power below which nothing is told apart; the smallest output is its logarithm.
    """

    def __init__(
        self,
        n_mels: int = 64,
        n_fft: int = 1024,
        window_samples: int = 1024,
        hop_samples: int = 512,
        *,
        low_hz: float = 50.0,
        high_hz: float = 7600.0,
        floor: float = 1e-8,
    ) -> None:
        super().__init__()
        mel = mel_matrix(n_mels, n_fft, low_hz, high_hz)
        used = np.flatnonzero(mel.any(axis=1))  # bins outside the filters need no rows
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_samples) / window_samples)
        window /= window.sum()
        angle = 2 * np.pi * np.outer(used, np.arange(window_samples)) / n_fft
        rows = np.concatenate([np.cos(angle), np.sin(angle)]) * window  # (2 * bins, window)
        self.hop_samples = hop_samples
        self._log_floor = math.log(floor)
        self.fourier: Tensor
        self.mel: Tensor
        self.register_buffer(
            "fourier", torch.from_numpy(rows[:, None, :].astype(np.float32)), persistent=False
        )
        # Powers are counted in units of the floor: graph optimisers take a bare "+ 1e-8" for "+ 0".
        in_floors = (mel[used].T / floor)[:, :, None].astype(np.float32)
        self.register_buffer("mel", torch.from_numpy(in_floors), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` to natural-log powers ``(batch, n_mels, frames)``."""
        spectrum = nn.functional.conv1d(waveform[:, None, :], self.fourier, stride=self.hop_samples)
        real, imaginary = spectrum.chunk(2, dim=1)
        power = nn.functional.conv1d(real.square() + imaginary.square(), self.mel)
        return torch.log(power + 1.0) + self._log_floor


@dataclass(frozen=True)
class HybridSettings:
    """Shape of what is trained on top of the encoder.

    Attributes
    ----------
    n_layers
        Transformer layers of the encoder that are kept, from the first; None keeps all.
    normalise_input
        Whether the encoder expects each waveform at zero mean and unit variance, as those of the
        wav2vec2-base kind do.
    dropout
        Share of features dropped in the dense layers while training, [0, 1).
    n_mels, n_fft, hop_samples
        Of the log-mel spectrogram, samples at 16 kHz; the window is as long as ``n_fft``.
    """

    n_layers: int | None = None
    normalise_input: bool = True
    dropout: float = 0.3
    n_mels: int = 64
    n_fft: int = 1024
    hop_samples: int = 512


def _branch_1d(hidden_size: int) -> nn.Sequential:
    """Hidden size -> 128 -> 64 over the encoder's 20 ms frames."""
    return nn.Sequential(
        nn.Conv1d(hidden_size, 128, 5, padding=2, bias=False),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(128, 64, 5, padding=2, bias=False),
        nn.BatchNorm1d(64),
        nn.ReLU(),
    )


def _branch_2d() -> nn.Sequential:
    """32 -> 64 -> 128 filters over the log-mel spectrogram."""
    layers: list[nn.Module] = []
    channels = 1
    for filters in (32, 64, 128):
        layers += [nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
        channels = filters
    return nn.Sequential(*layers)


class EmotionHybrid(nn.Module):
    """Frozen Wav2Vec2 encoder (Baevski et al., NeurIPS 2020) and log-mels, each under a CNN, to eight logits.

    The encoder is never trained: its parameters ask for no gradient and it stays in evaluation mode
    under ``train()``. Its hidden states, the input of the first layer included, are averaged with
    learned softmax weights (Yang et al., "SUPERB", Interspeech 2021).

    Parameters
    ----------
    encoder
        A ``transformers.Wav2Vec2Model``; changed in place: cut, frozen, its weight norm folded.
    settings
        Shape of the rest.

    Raises
    ------
    ModelError
        The encoder is no Wav2Vec2, or has fewer layers than asked for.
    """

    def __init__(self, encoder: nn.Module, settings: HybridSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or HybridSettings()
        config: Any = getattr(encoder, "config", None)
        if getattr(config, "model_type", None) != "wav2vec2":
            kind = getattr(config, "model_type", type(encoder).__name__)
            raise ModelError(f"The encoder is of the kind {kind!r}: the hybrid needs a Wav2Vec2 encoder.")
        stack: Any = encoder.encoder
        present = len(stack.layers)
        self.n_layers = _layers_to_keep(self.settings.n_layers, present)
        self.hidden_size = int(config.hidden_size)
        # In the "stable" variant the last norm belongs behind the last layer of the whole stack only.
        self._norm_first = not config.do_stable_layer_norm
        self._norm_last = config.do_stable_layer_norm and self.n_layers == present
        stack.layers = stack.layers[: self.n_layers]
        _fold_weight_norm(stack.pos_conv_embed.conv)
        self.encoder: nn.Module = encoder.requires_grad_(False).eval()

        # The wave front-end's convolutions, all but the first, are kept as matrices: as products on
        # (frames, channels) they run in int8 when the graph is quantised, as convolutions they do not.
        for index, layer in enumerate(self._front_end()[1:], start=1):
            taps = layer.conv.weight.detach().permute(2, 1, 0)  # (width, in, out)
            stride = layer.conv.stride[0]
            self.register_buffer(
                f"front_{index}_beside", taps[:stride].flatten(0, 1).contiguous(), persistent=False
            )
            for tap in range(stride, len(taps)):
                self.register_buffer(f"front_{index}_{tap}", taps[tap].contiguous(), persistent=False)

        self.layer_weights = nn.Parameter(torch.zeros(self.n_layers + 1))
        self.branch_1d = _branch_1d(self.hidden_size)
        self.log_mel = LogMel(
            self.settings.n_mels, self.settings.n_fft, self.settings.n_fft, self.settings.hop_samples
        )
        self.branch_2d = _branch_2d()
        self.dense = nn.Sequential(
            nn.Linear(64 + 128, 256),
            nn.ReLU(),
            nn.Dropout(self.settings.dropout),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Dropout(self.settings.dropout),
            nn.Linear(128, len(EMOTIONS)),
        )

    def train(self, mode: bool = True) -> Self:
        """Switch what is trained; the encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def _front_end(self) -> list[Any]:
        """The convolution layers of the encoder's wave front-end."""
        encoder: Any = self.encoder
        return list(encoder.feature_extractor.conv_layers)

    def _wave_features(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` to front-end features ``(batch, frames, channels)``."""
        first, *others = self._front_end()
        features: Tensor = first(waveform[:, None]).transpose(1, 2)
        for index, layer in enumerate(others, start=1):
            width, stride = layer.conv.kernel_size[0], layer.conv.stride[0]
            n_frames = (features.shape[1] - width) // stride + 1
            # Taps within one stride lie side by side already; only those beyond have to be gathered.
            beside = features[:, : n_frames * stride].reshape(-1, n_frames, stride * features.shape[2])
            product = beside @ self.get_buffer(f"front_{index}_beside")
            for tap in range(stride, width):
                beyond = features[:, tap : tap + (n_frames - 1) * stride + 1 : stride]
                product = product + beyond @ self.get_buffer(f"front_{index}_{tap}")
            features = product
            if layer.conv.bias is not None:
                features = features + layer.conv.bias
            if hasattr(layer, "layer_norm"):
                features = layer.layer_norm(features)
            features = layer.activation(features)
        return features

    def hidden_states(self, waveform: Tensor) -> list[Tensor]:
        """Input of the first layer and output of each, ``n_layers + 1`` times ``(batch, frames, hidden)``.

        Parameters
        ----------
        waveform
            float32, ``(batch, samples)`` at 16 kHz.
        """
        encoder: Any = self.encoder
        if self.settings.normalise_input:
            centred = waveform - waveform.mean(dim=-1, keepdim=True)
            waveform = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-7).sqrt()
        state, _ = encoder.feature_projection(self._wave_features(waveform))
        stack = encoder.encoder
        state = state + stack.pos_conv_embed(state)
        if self._norm_first:
            state = stack.layer_norm(state)
        states = [state]
        for layer in stack.layers:
            state = layer(state)
            state = state[0] if isinstance(state, tuple) else state  # transformers 4 returned a tuple
            states.append(state)
        if self._norm_last:
            states[-1] = stack.layer_norm(states[-1])
        return states

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform ``(batch, samples)`` at 16 kHz to logits ``(batch, 8)``."""
        weights = torch.softmax(self.layer_weights, dim=0)
        states = self.hidden_states(waveform)
        mixed = states[0] * weights[0]
        for index, state in enumerate(states[1:], start=1):
            mixed = mixed + state * weights[index]
        heard = self.branch_1d(mixed.transpose(1, 2)).mean(dim=2)  # (batch, 64)
        peak = waveform.abs().amax(dim=-1, keepdim=True).clamp_min(_PEAK_FLOOR)
        seen = self.branch_2d(self.log_mel(waveform / peak)[:, None]).mean(dim=(2, 3))  # (batch, 128)
        logits: Tensor = self.dense(torch.cat([heard, seen], dim=1))
        return logits


def _layers_to_keep(asked: int | None, present: int) -> int:
    if asked is None:
        return present
    if not 1 <= asked <= present:
        raise ModelError(
            f"{asked} layers of the encoder are asked for: it has {present}, give 1 to {present}."
        )
    return asked


def _fold_weight_norm(conv: nn.Module) -> None:
    """Turn the weight-normalised positional convolution into a plain one: frozen, it needs no more."""
    if nn.utils.parametrize.is_parametrized(conv, "weight"):
        nn.utils.parametrize.remove_parametrizations(conv, "weight")


def _checkpoint_config(checkpoint: str, *, download: bool) -> dict[str, Any]:
    from transformers import PretrainedConfig  # noqa: PLC0415 - slow to import

    try:
        config, _ = PretrainedConfig.get_config_dict(checkpoint, local_files_only=not download)
    except (OSError, ValueError) as error:
        raise WeightsError(_absent(checkpoint, download=download, what="config.json")) from error
    if not config:
        raise WeightsError(_absent(checkpoint, download=download, what="config.json"))
    return dict(config)


def _absent(checkpoint: str, *, download: bool, what: str) -> str:
    if Path(checkpoint).is_dir():
        return f"The folder {checkpoint} holds no readable {what}: give a folder of a Wav2Vec2 checkpoint."
    if download:
        return (
            f"The checkpoint {checkpoint!r} could not be fetched ({what}): check its name and the network, "
            "or give a local folder."
        )
    return (
        f"The checkpoint {checkpoint!r} is not on this machine: give a local folder, "
        "or allow the download with download=True."
    )


def _expects_normalised(checkpoint: str, *, download: bool) -> bool:
    """What the checkpoint says of its input level; those without a word expect zero mean, unit variance."""
    from transformers.utils.hub import cached_file  # noqa: PLC0415 - slow to import

    try:
        path = cached_file(checkpoint, "preprocessor_config.json", local_files_only=not download)
        return bool(json.loads(Path(str(path)).read_text(encoding="utf-8")).get("do_normalize", True))
    except (OSError, ValueError, AttributeError):
        return True


def load_hybrid(
    checkpoint: str | Path, settings: HybridSettings | None = None, *, download: bool = False
) -> EmotionHybrid:
    """Build the hybrid on a Hugging Face Wav2Vec2 checkpoint.

    Parameters
    ----------
    checkpoint
        A folder, or a name on the hub such as ``"facebook/wav2vec2-base"``. Only safetensors are read.
    settings
        Shape of the rest; the checkpoint's own word on the level of its input wins.
    download
        Whether the network may be used; offline otherwise.

    Returns
    -------
    EmotionHybrid
        With fresh weights above the encoder; see `load_trained`.

    Raises
    ------
    WeightsError
        The checkpoint is absent, damaged, incomplete, or not stored as safetensors.
    ModelError
        It is no Wav2Vec2, or has fewer layers than asked for.
    """
    name = str(checkpoint)
    config = _checkpoint_config(name, download=download)
    if config.get("model_type") != "wav2vec2":
        raise ModelError(
            f"The checkpoint {name!r} is of the kind {config.get('model_type')!r}: "
            "the hybrid needs 'wav2vec2'."
        )
    settings = settings or HybridSettings()
    _layers_to_keep(settings.n_layers, int(config.get("num_hidden_layers", 12)))
    from transformers import Wav2Vec2Model  # noqa: PLC0415 - slow to import

    loader: Any = Wav2Vec2Model
    try:
        encoder, report = loader.from_pretrained(
            name,
            local_files_only=not download,
            use_safetensors=True,
            attn_implementation="eager",
            output_loading_info=True,
        )
    except OSError as error:
        if (Path(name) / "model.safetensors").is_file():
            raise WeightsError(_damaged(name, error)) from error
        raise WeightsError(
            f"{_absent(name, download=download, what='model.safetensors')} Pickled weights are not read."
        ) from error
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(_damaged(name, error)) from error
    missing = sorted(set(report["missing_keys"]) - {"masked_spec_embed"})
    if missing:
        raise WeightsError(
            f"The checkpoint {name!r} is incomplete: {len(missing)} tensors are missing, "
            f"the first is {missing[0]}; fetch it again."
        )
    return EmotionHybrid(
        encoder, replace(settings, normalise_input=_expects_normalised(name, download=download))
    )


def _damaged(name: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return f"The checkpoint {name!r} is damaged ({reason}): fetch it again."


def random_hybrid(
    config: Any = None, settings: HybridSettings | None = None, *, seed: int = 0
) -> EmotionHybrid:
    """The hybrid on an encoder with random weights, for tests and timing.

    Parameters
    ----------
    config
        A ``transformers.Wav2Vec2Config``; None is the shape of wav2vec2-base.
    settings
        Shape of the rest.
    seed
        Of all weights; torch's own random state is left as it was.
    """
    from transformers import Wav2Vec2Config, Wav2Vec2Model  # noqa: PLC0415 - slow to import

    config = config or Wav2Vec2Config()
    config._attn_implementation = "eager"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return EmotionHybrid(Wav2Vec2Model(config), settings)


def save_trained(model: EmotionHybrid, path: Path) -> None:
    """Write what is trained, without the encoder, as safetensors; the file is whole or not there.

    Parameters
    ----------
    model
        The hybrid.
    path
        File to write; its folder is made.
    """
    trained = {
        name: value.contiguous()
        for name, value in model.state_dict().items()
        if not name.startswith("encoder.")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        save_file(trained, made, metadata={"shape": json.dumps(_shape(model), sort_keys=True)})
        made.replace(path)


def _shape(model: EmotionHybrid) -> dict[str, Any]:
    """What must agree between a file and a model."""
    return {
        "format": _FORMAT,
        "labels": [str(emotion) for emotion in EMOTIONS],
        "hidden_size": model.hidden_size,
        **asdict(model.settings),
        "n_layers": model.n_layers,
    }


def load_trained(model: EmotionHybrid, path: Path) -> EmotionHybrid:
    """Read what `save_trained` wrote into a hybrid on the same kind of encoder.

    Parameters
    ----------
    model
        The hybrid to fill, in place.
    path
        The file.

    Returns
    -------
    EmotionHybrid
        The same model.

    Raises
    ------
    WeightsError
        The file is missing, damaged, no file of a hybrid, or made for another encoder or shape.
    """
    if not path.is_file():
        raise WeightsError(f"There are no trained weights {path}: train the hybrid, or give another file.")
    try:
        with safe_open(path, framework="pt") as handle:
            shape = json.loads((handle.metadata() or {})["shape"])
            trained = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 - no mapping
    except KeyError as error:
        raise WeightsError(
            f"The file {path} holds no trained hybrid: give one that save_trained wrote."
        ) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"The trained weights {path} are damaged ({error}): fetch or train them again."
        ) from error
    wanted = _shape(model)
    for key in wanted.keys() - {"dropout"}:  # says nothing about the weights
        if shape.get(key) != wanted[key]:
            raise WeightsError(
                f"The trained weights {path} are for {key} {shape.get(key)!r}, this encoder has "
                f"{wanted[key]!r}: use the checkpoint they were trained on."
            )
    result = model.load_state_dict(trained, strict=False)
    missing = [name for name in result.missing_keys if not name.startswith("encoder.")]
    if missing or result.unexpected_keys:
        odd = (missing + list(result.unexpected_keys))[0]
        raise WeightsError(
            f"The trained weights {path} do not fit the hybrid ({odd}): fetch or train them again."
        )
    return model
