"""Owns the page of the mood report, drawn from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from models.mood.groups import MOODS
from models.training.mood.moods import FITTING
from models.training.report import plots
from models.training.report.sheet import grid, page, section, share

__all__ = ["render_mood", "summarise_mood"]

_AREAS: Final = (
    ("macro_pr_auc", "PR-AUC, mean of tags"),
    ("macro_roc_auc", "ROC-AUC, mean of tags"),
    ("micro_pr_auc", "PR-AUC, pooled"),
    ("micro_roc_auc", "ROC-AUC, pooled"),
)
_OTHERS: Final = (
    ("chance", 0.032, 0.500),
    ("published: VGG-ish baseline (MediaEval 2019)", 0.108, 0.726),
    ("published: MERT-95M", 0.134, 0.764),
    ("published: MediaEval 2021 winner", 0.151, 0.775),
    ("published: Music2Emo", 0.154, 0.781),
)
"""Published figures of the official test, 56 tags: mean PR-AUC and ROC-AUC."""
_RULES: Final = {
    "scale": "by the head's scale (ships)",
    "thresholds": "in units of thresholds (heads without)",
}


def summarise_mood(report: Mapping[str, Any]) -> list[str]:
    """What the figures say, in plain sentences without markup."""
    official = report["official_56_tags"]
    first = next(iter(official["heads"].values()))
    chance = report["random_protocols"]
    split, folds, theirs = chance["random_split"], chance["random_folds"], chance["reference"]
    low_high = first["interval"]["macro_pr_auc"]
    span = f" (95 % interval over artists {low_high[0]:.3f} to {low_high[1]:.3f})" if low_high else ""
    moods = report["moods"]["official_test"]["scale"]
    return [
        f"On {official['tracks']} tracks by {official['artists']} artists it never heard, the official test "
        f"of {official['tags']} tags, the head that ships has a mean PR-AUC of "
        f"{first['macro_pr_auc']:.3f}{span} and a mean ROC-AUC of {first['macro_roc_auc']:.3f}.",
        f"The mean of {len(official['heads'])} seeds is {official['mean']['macro_pr_auc']:.3f} and "
        f"{official['mean']['macro_roc_auc']:.3f}; their mean answer has "
        f"{official['together']['macro_pr_auc']:.3f} and {official['together']['macro_roc_auc']:.3f}.",
        "Of the eight plain moods the leading one is among those that the artist says on "
        f"{share(moods['hit'])} of the tracks (always naming the commonest: "
        f"{share(moods['hit_of_commonest'])}); "
        f"{share(moods['misplaced'])} of the leads are more than a mood's share of the labels.",
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
    """Draw the whole page.

    Parameters
    ----------
    report
        From `evaluate_mood`.

    Returns
    -------
    str
        HTML without anything fetched from elsewhere.
    """
    made = report["provenance"]
    title = "Evaluation of the mood head"
    parts = [
        f"<h1>{title}</h1>",
        f'<p class="soft">Measured {escape(made["made_at"])} on track-mean embeddings of MTG-Jamendo.</p>',
        section("In short", "".join(f"<p>{escape(sentence)}</p>" for sentence in summarise_mood(report))),
        _official(report),
        _chance(report["random_protocols"]),
        _curves(report),
        _calibration(report),
        _tags(report["by_tag"]),
        _moods(report["moods"]),
        _provenance(made),
    ]
    return page(title, parts)


def _official(report: Mapping[str, Any]) -> str:
    body = []
    for key, title in (("official_56_tags", "Official test"), ("all_59_tags", "All 59 tags")):
        record = report[key]
        rows = [[escape(name), *_areas(figures)] for name, figures in record["heads"].items()]
        rows += [
            ["mean of the figures", *_areas(record["mean"])],
            ["mean answer", *_areas(record["together"])],
        ]
        if key == "official_56_tags":
            rows += [
                [f"{escape(name)}, published", f"{pr:.3f}", f"{roc:.3f}", "", ""] for name, pr, roc in _OTHERS
            ]
        body.append(
            f"<h3>{title}: {record['tags']} tags, {record['tracks']} tracks, {record['artists']} artists</h3>"
            + grid(["head", *(name for _, name in _AREAS)], rows)
        )
    note = (
        "Split-0 keeps artists apart. seed0 ships; no seed was picked by its figure. The 59 tags have no "
        "official split: three are not in it, and their tracks beside it stand on the side of their artists. "
        "Small print: 95 % bootstrap over artists."
    )
    return section("Official split: music of artists it never heard", "".join(body), note)


def _areas(record: Mapping[str, Any]) -> list[str]:
    cells = []
    for key, _ in _AREAS:
        low_high = record["interval"][key]
        below = f"<br><small>{low_high[0]:.3f} to {low_high[1]:.3f}</small>" if low_high else ""
        cells.append(f"{record[key]:.4f}{below}")
    return cells


def _chance(record: Mapping[str, Any]) -> str:
    split, folds, theirs = record["random_split"], record["random_folds"], record["reference"]
    rows = [
        [
            "random 80/10/10 split, PR-AUC pooled over 59 tags",
            split,
            "micro_pr_auc",
            "random_split_micro_pr_auc",
        ],
        ["five random folds, PR-AUC pooled over 59 tags", folds, "micro_pr_auc", "random_folds_micro_pr_auc"],
        ["five random folds, mean PR-AUC of 59 tags", folds, "macro_pr_auc", "random_folds_macro_pr_auc"],
    ]
    cells = [
        [name, f"{own[key]:.4f}", f"{theirs[of_theirs]:.4f}", f"{100 * own['shared_artists']:.0f} %"]
        for name, own, key, of_theirs in rows
    ]
    note = (
        "The reference project's own protocols, for comparison with its figures only. They are higher "
        "because chance puts tracks of one artist on all sides. Plain fit: the same network without what "
        "keeps it from learning artists by heart (dropout 0.1, no mixup, no second opinions, 40 epochs)."
    )
    apart = record["official_56_tags"]
    cells.append(["official split, mean PR-AUC of its 56 tags", f"{apart['macro_pr_auc']:.4f}", "", "0 %"])
    head = ["protocol", "plain fit", "reference project", "tracks by artists trained on"]
    return section("The reference project's protocols: artists on all sides", grid(head, cells), note)


def _curves(report: Mapping[str, Any]) -> str:
    note = "The head that ships, official test, 56 tags: one thin line a tag."
    return section("Curves", plots.mood_curves(report["curves"]), note)


def _calibration(report: Mapping[str, Any]) -> str:
    rows = [
        [state, f"{record['ece']:.4f}", f"{record['ece_by_tag']:.4f}", f"{record['nll']:.4f}"]
        for state, record in report["calibration"].items()
    ]
    note = (
        "Fitted on validation artists, measured on test artists: one slope for all tags and an offset for "
        "each. It is claimed for whole tracks, which the head learned from, not for a timeline."
    )
    head = ["calibration", "ECE", "ECE, mean of tags", "NLL of an answer"]
    return section("Calibration", plots.mood_calibration(report["reliability"]) + grid(head, rows), note)


def _tags(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ["tag", "tracks", "PR-AUC", "chance", "ROC-AUC", "threshold", "precision", "recall", "F1"]
    cells = [
        [
            escape(row["tag"]),
            str(row["n"]),
            _span(row, "pr_auc"),
            f"{row['share']:.3f}",
            _span(row, "roc_auc"),
            *(f"{row[name]:.3f}" for name in ("threshold", "precision", "recall", "f1")),
        ]
        for row in sorted(rows, key=lambda row: -(row["pr_auc"] or 0.0))
    ]
    note = (
        "The head that ships, all 59 tags. Thresholds are those of the best F1 on validation artists. A tag "
        "of few tracks by few artists has a wide interval."
    )
    return section("Tags", plots.mood_tags(rows) + grid(head, cells), note)


def _moods(record: Mapping[str, Any]) -> str:
    test = record["official_test"]
    rules = [
        [escape(_RULES[rule]), _hit(found), share(found["macro_recall"]), share(found["misplaced"])]
        for rule, found in test.items()
    ]
    parts = [
        grid(["rule", "leading mood is labelled", "recall, mean of moods", "leads in the wrong place"], rules)
    ]
    names = ("labelled", "voices", "leads", "recall", "precision")
    head = ["mood", "tracks that have it", "share of voices", "leads", "recall", "precision", "leads without"]
    without = test["thresholds"]["by_mood"]
    cells = [
        [escape(mood), *(share(row[name]) for name in names), share(without[mood]["leads"])]
        for mood, row in test["scale"]["by_mood"].items()
    ]
    parts.append(grid(head, cells))
    table = [
        [escape(mood), *map(str, row)] for mood, row in zip(MOODS, test["scale"]["confusion"], strict=True)
    ]
    parts.append("<h3>Tracks by labelled mood (rows) and leading mood (columns)</h3>")
    parts.append(grid(["", *MOODS], table, kind="confusion"))
    if record["quadrants"]:
        parts.append(_quadrants(record["quadrants"]))
    note = (
        "The head that ships, official test. A track has a mood if it has one of its tags, and counts in "
        "each of its moods; as a voice it is divided among them. Slope and offsets are fitted on validation "
        "artists, so that each mood leads there as often as it has voices. Leads in the wrong place: those "
        "that some mood has too many. Columns say where the leads went."
    )
    return section("Eight moods", "".join(parts), note)


def _hit(record: Mapping[str, Any]) -> str:
    low_high = record["interval"]
    below = f"<br><small>{share(low_high[0])} to {share(low_high[1])}</small>" if low_high else ""
    return f"{share(record['hit'])}{below}"


def _quadrants(record: Mapping[str, Any]) -> str:
    rows = [
        [
            escape(quadrant if rule == "scale" else f"{quadrant}, without the scale"),
            *(str(found["leads"][mood]) for mood in MOODS),
            share(found["fitting"]),
            escape(", ".join(FITTING[quadrant])),
        ]
        for rule, quadrants in record.items()
        for quadrant, found in quadrants.items()
    ]
    title = "<h3>From outside: leading mood of clips in four quadrants of valence and arousal</h3>"
    return title + grid(["quadrant", *MOODS, "fitting", "fitting are"], rows)


def _span(row: Mapping[str, Any], key: str) -> str:
    if row[key] is None:
        return "none"
    low_high = row["interval"][key]
    below = f"<br><small>{low_high[0]:.3f} to {low_high[1]:.3f}</small>" if low_high else ""
    return f"{row[key]:.3f}{below}"


def _provenance(made: Mapping[str, Any]) -> str:
    data = made["data"]
    absent = ", ".join(f"{side} {count}" for side, count in data["official_tracks_without_embedding"].items())
    rows = [
        ["tracks", escape(", ".join(f"{side} {count}" for side, count in data["tracks"].items()))],
        ["official tracks without an embedding, left out", escape(absent)],
        ["fingerprint of the data", escape(data["fingerprint"])],
        ["recipe", escape(", ".join(f"{name} {value}" for name, value in made["settings"].items()))],
        ["seeds", ", ".join(str(seed) for seed in made["seeds"])],
        ["draws of artists", str(made["draws"])],
        ["libraries", escape(", ".join(f"{name} {text}" for name, text in made["libraries"].items()))],
    ]
    body = f"<pre>{escape(made['command'])}</pre>" + grid(["", ""], rows, kind="wide")
    return section("How to get these figures again", body)
