"""The words for moods: 59 tags in their public order, each in exactly one plain mood."""

from __future__ import annotations

from core.mood_tags import GROUPS, TAGS


def test_there_are_59_tags_in_alphabetical_order() -> None:
    assert len(TAGS) == 59
    assert list(TAGS) == sorted(set(TAGS))
    assert (TAGS[0], TAGS[27], TAGS[58]) == ("action", "happy", "uplifting")


def test_every_tag_is_in_exactly_one_of_eight_moods() -> None:
    assert len(GROUPS) == 8
    assert sorted(tag for tags in GROUPS.values() for tag in tags) == sorted(TAGS)


def test_a_mood_that_is_also_a_tag_holds_that_tag() -> None:
    for mood, tags in GROUPS.items():
        if mood in TAGS:
            assert mood in tags
