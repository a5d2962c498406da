"""Speech encoders from the hub or folders, and the files of what is trained, as safetensors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import nn

from core.errors import WeightsError
from core.files import staged, write_atomic
from models.emotion.hybrid import EmotionHybrid, HybridSettings, check_encoder_kind, layers_to_keep
from training.whisper.student import CONFIG_KEY, load_student, student_settings

_FORMAT: Final = "attune-hybrid-3"
_WEIGHTS_NAME: Final = "model.safetensors"
_MODELS: Final = {
    "wav2vec2": "Wav2Vec2Model",
    "hubert": "HubertModel",
    "wavlm": "WavLMModel",
    "whisper": "WhisperModel",
}
"""Class of transformers for each kind of encoder."""
_SHAPE: Final = (
    "hidden_act",
    "num_attention_heads",
    "layer_norm_eps",
    "do_stable_layer_norm",
    "conv_stride",
    "max_bucket_distance",
    "activation_function",
)
"""What states depend on beside the weights, where an encoder has it; no kind has all."""
_DISPENSABLE: Final = {"masked_spec_embed"}
"""What a checkpoint may lack: used in training alone."""


def _checkpoint_config(checkpoint: str, *, download: bool) -> dict[str, Any]:
    from transformers import PretrainedConfig  # noqa: PLC0415 - slow to import

    absent = WeightsError(_absent(checkpoint, download=download, what="config.json"))
    try:
        config, _ = PretrainedConfig.get_config_dict(checkpoint, local_files_only=not download)
    except (OSError, ValueError) as error:
        raise absent from error
    if not config:
        raise absent
    return dict(config)


def _absent(checkpoint: str, *, download: bool, what: str) -> str:
    if Path(checkpoint).is_dir():
        return f"The folder {checkpoint} holds no readable {what}: give a folder with a speech encoder."
    if download:
        return (
            f"The checkpoint {checkpoint!r} could not be fetched ({what}): check its name and the network, "
            "or give a local folder."
        )
    return (
        f"The checkpoint {checkpoint!r} is not on this machine: give a local folder, "
        "or allow the download (`--download`, download=True)."
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
    """Build the hybrid on a checkpoint of a speech encoder, with fresh weights above it (see `load_trained`).

    Parameters
    ----------
    checkpoint
        A folder, or a name on the hub such as ``"facebook/wav2vec2-base"``, of Wav2Vec2, HuBERT, WavLM or
        Whisper (of which the encoder alone is kept); or a folder that `save_compact_encoder` wrote. Only
        safetensors are read.
    settings
        Shape of the rest; the checkpoint's own word on the level of its input wins. One of Whisper has
        none.

    Raises
    ------
    WeightsError
        The checkpoint is absent, damaged, incomplete, or not stored as safetensors.
    ModelError
        It is of another kind, or has fewer layers than asked for.
    """
    settings = settings or HybridSettings()
    if not settings.uses_encoder:
        return EmotionHybrid(None, settings)
    name = str(checkpoint)
    config = _checkpoint_config(name, download=download)
    kind = config.get("model_type")
    check_encoder_kind(kind, f"The checkpoint {name!r}")
    present = config.get("encoder_layers" if kind == "whisper" else "num_hidden_layers")
    if present is not None:  # before the weights are read; the encoder itself is asked again
        layers_to_keep(settings.n_layers, int(present))
    if CONFIG_KEY in config:
        return EmotionHybrid(_compact_encoder(Path(name), config), replace(settings, normalise_input=False))
    encoder = _read_encoder(name, str(kind), download=download)
    if kind == "whisper":
        return EmotionHybrid(encoder, settings)
    return EmotionHybrid(
        encoder, replace(settings, normalise_input=_expects_normalised(name, download=download))
    )


def _read_encoder(name: str, kind: str, *, download: bool) -> nn.Module:
    """The encoder of a checkpoint, in float32 however it is stored."""
    import transformers  # noqa: PLC0415 - slow to import

    loader: Any = getattr(transformers, _MODELS[kind])
    try:
        model, report = loader.from_pretrained(
            name,
            local_files_only=not download,
            use_safetensors=True,
            attn_implementation="eager",
            dtype=torch.float32,
            output_loading_info=True,
        )
    except OSError as error:
        if (Path(name) / _WEIGHTS_NAME).is_file():
            raise WeightsError(_damaged(name, error)) from error
        raise WeightsError(
            f"{_absent(name, download=download, what=_WEIGHTS_NAME)} Pickled weights are not read."
        ) from error
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(_damaged(name, error)) from error
    ours = "encoder." if kind == "whisper" else ""  # a decoder is not needed
    missing = sorted(key for key in set(report["missing_keys"]) - _DISPENSABLE if key.startswith(ours))
    if missing:
        raise WeightsError(
            f"The checkpoint {name!r} is incomplete: {len(missing)} tensors are missing, "
            f"the first is {missing[0]}; fetch it again."
        )
    encoder: nn.Module = model.encoder if kind == "whisper" else model
    return encoder


def _damaged(name: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return f"The checkpoint {name!r} is damaged ({reason}): fetch it again."


def _compact_encoder(folder: Path, config: dict[str, Any]) -> nn.Module:
    """The encoder of a folder that `save_compact_encoder` wrote, in float32."""
    try:
        weights = {key: value.float() for key, value in load_file(folder / _WEIGHTS_NAME).items()}
    except FileNotFoundError as error:
        raise WeightsError(_absent(str(folder), download=False, what=_WEIGHTS_NAME)) from error
    except (SafetensorError, OSError) as error:
        raise WeightsError(_damaged(str(folder), error)) from error
    return load_student(weights, student_settings(config[CONFIG_KEY]))


def save_compact_encoder(encoder: nn.Module, folder: Path, *, half: bool = True) -> None:
    """Write the compact encoder as a folder that `load_hybrid` reads: config.json and model.safetensors.

    Matrices in float16 halve the file; features and figures must then come from the encoder as it is read
    back.

    Raises
    ------
    DataError
        It cannot be written, as on a full disk; what was there before stays.
    """
    whole: Any = encoder
    weights = {
        name: (value.half() if half and value.ndim > 1 else value).contiguous()
        for name, value in whole.state_dict().items()
    }
    config = {**whole.config.to_diff_dict(), "model_type": "wav2vec2"}
    text = json.dumps(config, indent=2, sort_keys=True, default=str) + "\n"
    with staged(folder, what=f"The encoder {folder}") as making:
        (making / _WEIGHTS_NAME).write_bytes(serialise(weights, metadata={"format": "pt"}))
        (making / "config.json").write_text(text, encoding="utf-8")


def encoder_fingerprint(model: EmotionHybrid) -> str:
    """SHA-256 of what the hidden states depend on: the encoder's weights and shape, cut and frame length."""
    digest = hashlib.sha256()
    settings = {"frame_pool": model.settings.frame_pool, "normalise_input": model.settings.normalise_input}
    digest.update(json.dumps(settings, sort_keys=True).encode())
    if model.encoder is not None:
        config: Any = model.encoder.config
        kept = {key: getattr(config, key) for key in _SHAPE if hasattr(config, key)}
        digest.update(json.dumps(kept, default=str).encode())
        for name, value in model.encoder.state_dict().items():
            digest.update(f"{name} {tuple(value.shape)}".encode())
            digest.update(value.contiguous().numpy().data)
    return digest.hexdigest()


def random_hybrid(
    config: Any = None, settings: HybridSettings | None = None, *, seed: int = 0
) -> EmotionHybrid:
    """The hybrid on an encoder with random weights, for tests and timing.

    The config is of transformers, for one of the kinds that `load_hybrid` takes; None: wav2vec2-base.
    """
    import transformers  # noqa: PLC0415 - slow to import

    config = config or transformers.Wav2Vec2Config()
    config._attn_implementation = "eager"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return EmotionHybrid(getattr(transformers, _MODELS[config.model_type])(config), settings)


def save_trained(model: EmotionHybrid, path: Path) -> None:
    """Write what is trained, without the encoder, as safetensors; the file is whole or not there.

    Raises
    ------
    DataError
        It cannot be written, as on a full disk; the old file stays.
    """
    trained = {name: value.contiguous() for name, value in model.head.state_dict().items()}
    content = serialise(trained, metadata={"shape": json.dumps(_shape(model), sort_keys=True)})
    write_atomic(path, content, what=f"The trained weights {path}")


def _shape(model: EmotionHybrid) -> dict[str, Any]:
    """What must agree between a file and a model."""
    return {
        "format": _FORMAT,
        "hidden_size": model.hidden_size,
        **asdict(model.settings),
        "labels": list(model.settings.labels),
        "n_layers": model.n_layers,
    }


def load_trained(model: EmotionHybrid, path: Path) -> EmotionHybrid:
    """Read what `save_trained` wrote into a hybrid on the same kind of encoder, in place, and return it.

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
    for key in wanted.keys() - {"dropout", "dropout_pooled"}:  # says nothing about the weights
        if shape.get(key) != wanted[key]:
            raise WeightsError(
                f"The trained weights {path} are for {key} {shape.get(key)!r}, this encoder has "
                f"{wanted[key]!r}: use the checkpoint they were trained on."
            )
    try:
        model.head.load_state_dict(trained)
    except RuntimeError as error:
        raise WeightsError(
            f"The trained weights {path} do not fit the hybrid: fetch or train them again."
        ) from error
    return model
