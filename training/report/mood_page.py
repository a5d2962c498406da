"""The page of the mood report, drawn from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from models.mood.mood_scale import MOODS
from training.mood.moods import FITTING
from training.report import plots
from training.report.files import percent, render

_REFERENCES: Final = (
    ("chance", 0.032, 0.500),
    ("VGG-ish baseline (MediaEval 2019), published", 0.108, 0.726),
    ("MERT-95M, published", 0.134, 0.764),
    ("MediaEval 2021 winner, published", 0.151, 0.775),
    ("Music2Emo, published", 0.154, 0.781),
)
"""Mean PR-AUC and ROC-AUC of others on the official test, 56 tags."""


def summarise_mood(report: Mapping[str, Any]) -> list[str]:
    """What the figures say, in plain sentences without markup."""
    official = report["official_56_tags"]
    first = next(iter(official["heads"].values()))
    chance = report["random_protocols"]
    split, folds, theirs = chance["random_split"], chance["random_folds"], chance["reference"]
    interval = first["interval"]["macro_pr_auc"]
    span = f" (95 % interval over artists {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    moods = report["moods"]["official_test"]["scale"]
    return [
        f"On {official['tracks']} tracks by {official['artists']} artists it never heard, the official test "
        f"of {official['tags']} tags, the head that ships has a mean PR-AUC of "
        f"{first['macro_pr_auc']:.3f}{span} and a mean ROC-AUC of {first['macro_roc_auc']:.3f}.",
        f"The mean of {len(official['heads'])} seeds is {official['mean']['macro_pr_auc']:.3f} and "
        f"{official['mean']['macro_roc_auc']:.3f}; their mean answer has "
        f"{official['together']['macro_pr_auc']:.3f} and {official['together']['macro_roc_auc']:.3f}.",
        "Released heads are trained on the validation side of the official split, too, once it has been used "
        "to choose. The same recipe without it has a mean PR-AUC of "
        f"{report['training_side_alone']['mean']['macro_pr_auc']:.3f} and a mean ROC-AUC of "
        f"{report['training_side_alone']['mean']['macro_roc_auc']:.3f} (mean of the seeds).",
        "Of the eight plain moods the leading one is among those that the artist says on "
        f"{percent(moods['hit'])} of the tracks (always naming the commonest: "
        f"{percent(moods['hit_of_commonest'])}); "
        f"{percent(moods['misplaced'])} of the leads are more than a mood's share of the labels.",
        f"By the reference project's own protocols a plain fit of the same network has a pooled PR-AUC of "
        f"{split['micro_pr_auc']:.3f} on a random split (theirs {theirs['random_split_micro_pr_auc']:.4f}), "
        f"of {folds['micro_pr_auc']:.3f} on random folds "
        f"(theirs {theirs['random_folds_micro_pr_auc']:.4f}), and "
        f"a mean PR-AUC of {folds['macro_pr_auc']:.3f} on those (theirs "
        f"{theirs['random_folds_macro_pr_auc']:.4f}).",
        "Those figures are higher because chance puts tracks of one artist on all sides "
        f"({100 * split['shared_artists']:.0f} % of the tracks tested are by artists trained on): who "
        "recognises the artist knows the tags. They say nothing about music of others: the same plain fit "
        f"has {chance['official_56_tags']['macro_pr_auc']:.3f} on the official test.",
    ]


def render_mood(report: Mapping[str, Any]) -> str:
    """Draw the whole page from the figures of `mood.evaluate_mood`; nothing is fetched from elsewhere."""
    return render(
        "mood.html.j2",
        title="Evaluation of the mood head",
        report=report,
        made=report["provenance"],
        summary=summarise_mood(report),
        references=_REFERENCES,
        tags=sorted(report["by_tag"], key=lambda row: -(row["pr_auc"] or 0.0)),
        moods=MOODS,
        fitting=FITTING,
        curves_plot=plots.mood_curves(report["curves"]),
        calibration_plot=plots.mood_calibration(report["reliability"]),
        tags_plot=plots.mood_tags(report["by_tag"]),
    )
