"""Command line of the emotion training: prepare, fit, calibrate, evaluate, export."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from core.errors import AttuneError, WeightsError
from core.paths import cache_dir
from models.runtime import load_session
from models.training.data.cache import SpeechCache, load_cache, prepare
from models.training.emotion.augment import NoiseBank
from models.training.emotion.calibrate import balanced_weights, fit_temperature, weighted_nll
from models.training.emotion.evaluate import Predictor, clip_window, evaluate, live_window, truth_of
from models.training.emotion.export import (
    LICENCE,
    NAME,
    VERSION,
    export_compact,
    load_network,
    read_json,
    summary,
    write_json,
)
from models.training.emotion.fit import WEIGHTS_NAME, FitSettings, fit, predict_logits
from models.training.emotion.splits import Split, shipped_splits
from models.training.manifest import register
from models.training.metrics import expected_calibration_error, softmax

__all__ = ["main"]

_COMMAND: Final = "python -m models.training.emotion"
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
_CALIBRATION: Final = "calibration.json"
_EVALUATION: Final = "evaluation.json"
_EPILOG: Final = f"""\
the whole chain, from the corpora to the shipped file:
  {_COMMAND} prepare --data ../shared/data/speech
  {_COMMAND} fit --draws 5000
  {_COMMAND} calibrate
  {_COMMAND} evaluate
  {_COMMAND} export

the figures of the model card, from the shipped file:
  {_COMMAND} evaluate --onnx models/weights/{NAME}.onnx
"""


def _parser() -> argparse.ArgumentParser:
    default_root = cache_dir() / "training" / "emotion"
    recipe = FitSettings()
    parser = argparse.ArgumentParser(
        prog=_COMMAND,
        description="Train the compact emotion model and measure it on people it never heard.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        sub.add_argument(
            "--cache", type=Path, default=default_root / "speech", help="folder of the decoded clips"
        )
        return sub

    def with_run(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
        sub.add_argument("--run", type=Path, default=default_root / "run", help="folder of this training")
        sub.add_argument("--threads", type=int, default=recipe.threads, help="threads of torch")
        return sub

    sub = command("prepare", "decode and check the corpora, and keep them for training")
    sub.add_argument("--data", type=Path, required=True, help="folder with manifest.csv and the archives")

    sub = with_run(command("fit", "train on the training speakers"))
    sub.add_argument("--epochs", type=int, default=recipe.epochs, help="epochs of the whole schedule")
    sub.add_argument("--draws", type=int, default=recipe.draws_per_epoch, help="balanced draws an epoch")
    sub.add_argument("--widths", type=int, nargs=4, default=recipe.widths, help="channels of the four stages")
    sub.add_argument("--seed", type=int, default=recipe.seed, help="seed of everything random")
    sub.add_argument("--peak-rate", type=float, default=recipe.peak_rate, help="highest learning rate")
    sub.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    sub.add_argument(
        "--stop-after", type=int, default=None, help="stop after this many epochs, to go on later"
    )

    with_run(command("calibrate", "fit the temperature on the calibration speakers"))

    sub = with_run(
        command("evaluate", "measure on test speakers, an unseen language and sounds without emotion")
    )
    sub.add_argument(
        "--onnx", type=Path, default=None, help="measure this shipped file, not the run's weights"
    )
    sub.add_argument(
        "--json", type=Path, default=None, help="where the figures go; evaluation.json in --run if unset"
    )

    sub = with_run(command("export", "write the shipped ONNX file and its figures"))
    sub.add_argument("--out", type=Path, default=_WEIGHTS_DIR / f"{NAME}.onnx", help="file to write")
    sub.add_argument("--version", default=VERSION, help="version written into the file")
    return parser


def _say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _prepare(args: argparse.Namespace) -> None:
    def progress(done: int, total: int) -> None:
        if done % 500 == 0:
            logging.getLogger(__name__).info("%d of %d clips decoded", done, total)

    folds_csv = args.data / "emobox_folds.csv"
    cache = prepare(
        args.data, args.cache, assign=shipped_splits(folds_csv), split_files=(folds_csv,), progress=progress
    )
    for problem in cache.problems:
        _say(f"  {problem}")
    hours = cache.waveforms.size / 16_000 / 3600
    _say(f"{len(cache.clips)} clips, {hours:.1f} h, {len(cache.problems)} left out for the reasons above")
    for (corpus, split), count in sorted(Counter((c.corpus, c.split.value) for c in cache.clips).items()):
        _say(f"  {corpus:18} {split:16} {count:5}")


def _fit(args: argparse.Namespace) -> None:
    settings = replace(
        FitSettings(),
        epochs=args.epochs,
        draws_per_epoch=args.draws,
        widths=tuple(args.widths),
        seed=args.seed,
        peak_rate=args.peak_rate,
        threads=args.threads,
    )
    weights = fit(load_cache(args.cache), args.run, settings, resume=args.resume, stop_after=args.stop_after)
    _say(f"weights: {weights}")


def _torch_predictor(args: argparse.Namespace) -> Predictor:
    torch.set_num_threads(args.threads)
    model = load_network(args.run / WEIGHTS_NAME)
    return lambda windows: predict_logits(model, windows)


def _onnx_predictor(path: Path, threads: int) -> tuple[Predictor, float]:
    """The served graph through the runtime that serves it, and its temperature."""
    session = load_session(path, threads=threads)
    try:
        temperature = float(session.metadata["temperature"])
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"The file {path} carries no temperature: export it with `{_COMMAND} export`."
        ) from error

    def predict(windows: Sequence[Any]) -> Any:
        batches = [windows[start : start + 32] for start in range(0, len(windows), 32)]
        return np.concatenate([session.run({"waveform": np.stack(batch)})[0] for batch in batches])

    return predict, temperature


def _calibrate(args: argparse.Namespace) -> None:
    """Fit one temperature on whole clips and live windows alike, every corpus counting the same."""
    cache: SpeechCache = load_cache(args.cache)
    clips = cache.of(Split.CALIBRATION)
    predict, noise, rng = _torch_predictor(args), NoiseBank(1), np.random.default_rng(1)
    windows = [clip_window(cache, clip) for clip in clips]
    windows += [live_window(cache, clip, noise, rng) for clip in clips]
    truth = np.concatenate([truth_of(clips)] * 2)
    weights = balanced_weights([clip.corpus for clip in clips] * 2)
    logits = predict(windows)
    temperature = fit_temperature(logits, truth, weights)
    result: dict[str, Any] = {"temperature": temperature, "windows": len(truth)}
    for name, divisor in (("before", 1.0), ("after", temperature)):
        probabilities = softmax(logits, divisor)
        correct = probabilities.argmax(axis=1) == truth
        result[name] = {
            "nll": round(weighted_nll(logits, truth, divisor, weights), 4),
            "ece": round(expected_calibration_error(probabilities.max(axis=1), correct), 4),
        }
    write_json(args.run / _CALIBRATION, result)
    _say(f"temperature {temperature:.4f}; nll and ece {result['before']} -> {result['after']}")


def _evaluate(args: argparse.Namespace) -> None:
    cache = load_cache(args.cache)
    if args.onnx is not None:
        predict, temperature = _onnx_predictor(args.onnx, args.threads)
    else:
        temperature = float(read_json(args.run / _CALIBRATION, f"{_COMMAND} calibrate")["temperature"])
        predict = _torch_predictor(args)
    result = evaluate(predict, cache, temperature)
    if args.json is not None or args.onnx is None:
        write_json(args.json or args.run / _EVALUATION, result)
    _print_evaluation(result)


def _print_evaluation(result: dict[str, Any]) -> None:
    _say(f"temperature {result['temperature']:.4f}; 'accepted' means confidence >= {result['accept_at']:.2f}")
    columns = ("UA", "WA", "F1", "ECE", "accepted", "right")
    header = f"{'corpus':16} {'answers':14} {'n':>5} " + " ".join(f"{column:>8}" for column in columns)
    for split in ("test", "calibration", "unseen_language"):
        _say(f"\n{split}\n{header}")
        for corpus, parts in result[split].items():
            for view in ("eight_way", "masked", "live_eight_way"):
                row = parts[view]
                shares = [
                    row[key] for key in ("ua", "wa", "macro_f1", "ece", "coverage", "accepted_accuracy")
                ]
                cells = " ".join(f"{'none' if share is None else f'{share:.3f}':>8}" for share in shares)
                _say(f"{corpus:16} {view:14} {row['n']:5d} {cells}")
            recalls = ", ".join(f"{name} {share:.2f}" for name, share in parts["eight_way"]["recall"].items())
            _say(f"{'':16} recall: {recalls}")
    if "no_emotion" in result:
        row = result["no_emotion"]
        _say(f"\nsounds without emotion: {row['n']} clips, {row['accepted_share']:.3f} accepted all the same")


def _export(args: argparse.Namespace) -> None:
    cache = load_cache(args.cache)
    calibration = read_json(args.run / _CALIBRATION, f"{_COMMAND} calibrate")
    evaluation = read_json(args.run / _EVALUATION, f"{_COMMAND} evaluate")
    export_compact(
        args.run / WEIGHTS_NAME,
        args.out,
        temperature=float(calibration["temperature"]),
        corpora=sorted({clip.corpus for clip in cache.of(Split.TRAIN)}),
        metrics=summary(evaluation),
        version=args.version,
    )
    write_json(
        args.out.with_suffix(".json"),
        {"name": NAME, "version": args.version, "temperature_fit": calibration, **evaluation},
    )
    if args.out.resolve().parent == _WEIGHTS_DIR:  # elsewhere it is opened by `emotion_model`, unlisted
        register(args.out, licence=LICENCE, source="Trained in this project; see its card")
    _say(f"written: {args.out} ({args.out.stat().st_size:,} bytes) and {args.out.with_suffix('.json').name}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0, or 1 with one sentence on standard error)."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    action = {
        "prepare": _prepare,
        "fit": _fit,
        "calibrate": _calibrate,
        "evaluate": _evaluate,
        "export": _export,
    }
    try:
        action[args.command](args)
    except AttuneError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted; `fit --resume` goes on from the last whole epoch.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
