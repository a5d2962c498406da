"""A small MTG-Jamendo of invented tracks: what a tag sounds like is known."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from core.mood_tags import TAGS
from training.mood.jamendo import EMBEDDING_SIZE, EMBEDDINGS_NAME, TAGS_NAME, _split_name

__all__ = ["HEADING", "write_jamendo", "write_quadrants", "write_table"]

HEADING = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
OFF_SPLIT = ("ambiental", "horror", "mellow")
ARTISTS = {"train": 24, "validation": 10, "test": 10, "": 8}
TRACKS_EACH = 8


def write_table(path: Path, rows: list[tuple[int, str, list[str]]]) -> None:
    """A table of tracks as MTG-Jamendo publishes it."""
    lines = [HEADING]
    for number, artist, tags in rows:
        named = "\t".join(f"mood/theme---{tag}" for tag in tags)
        lines.append(f"track_{number:07d}\t{artist}\talbum_1\t00/{number}.mp3\t200.0\t{named}")
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))


def write_jamendo(folder: Path) -> Path:
    """416 tracks by 52 artists; each tag raises its own 17 values of the embedding.

    Tracks of eight artists are outside the split and have the tags that it does not know. Two tracks of the
    official split have no embedding; a training track is identical to a test track.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows: dict[str, list[tuple[int, str, list[str]]]] = {side: [] for side in ARTISTS}
    numbers, embeddings = [], []
    official = [tag for tag in TAGS if tag not in OFF_SPLIT]
    number = 0
    for side, artists in ARTISTS.items():
        for artist in range(artists):
            for track in range(TRACKS_EACH):
                number += 1
                first = official[number % len(official)]
                tags = (
                    [first, official[(number * 5 + track) % len(official)]]
                    if side
                    else [OFF_SPLIT[number % 3]]
                )
                tags = sorted(set(tags))
                rows[side].append((number, f"artist_{side or 'none'}{artist}", tags))
                embedding = rng.gamma(0.5, 0.2, EMBEDDING_SIZE)
                for tag in tags:
                    place = 17 * TAGS.index(tag)
                    embedding[place : place + 17] += 0.8
                numbers.append(number)
                embeddings.append(embedding)
    test_row = numbers.index(rows["test"][5][0])
    embeddings[3] = embeddings[test_row]
    kept = [place for place in range(len(numbers)) if place not in (10, test_row + 1)]
    order = rng.permutation(kept)
    np.savez(
        folder / EMBEDDINGS_NAME,
        ids=np.array(numbers, dtype=np.int32)[order],
        embeddings=np.array(embeddings, dtype=np.float16)[order],
    )
    write_table(folder / TAGS_NAME, [row for side in rows.values() for row in side])
    for side in ("train", "validation", "test"):
        write_table(folder / _split_name(side), rows[side])
    return folder


def write_quadrants(
    folder: Path,
    quadrants: tuple[str, ...] = ("Q1", "Q2", "Q3", "Q4") * 5,
    *,
    size: int = 1024,
    skip: int = 0,
) -> Path:
    """Clips in four quadrants; the table lacks the first `skip` of them."""
    folder.mkdir()
    rows = [(f"audio/{name}/{place}.ogg", name) for place, name in enumerate(quadrants)]
    table = [f"{path},{name}" for path, name in rows[skip:]]
    text = "\n".join(["path,quadrant", *table, ""])
    (folder / "4q_taffc_manifest.csv").write_text(text, encoding="utf-8")
    embeddings = np.random.default_rng(0).gamma(0.5, 0.2, (len(rows), size)).astype(np.float16)
    np.savez(folder / "4q_taffc_yamnet_embeddings.npz", path=[path for path, _ in rows], mean=embeddings)
    return folder
