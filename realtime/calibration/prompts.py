"""The sentences that a user says to show how their own voice sounds in each emotion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.emotions import EMOTIONS, Emotion


@dataclass(frozen=True, slots=True)
class Prompt:
    """One sentence to say."""

    key: str  # tells it from all others, such as "happy-2"
    emotion: Emotion  # how to say it
    text: str  # what to say, two to four seconds long


HINTS: Final[Mapping[Emotion, str]] = {
    Emotion.NEUTRAL: "as you would read it from a list",
    Emotion.CALM: "slowly and softly, at ease",
    Emotion.HAPPY: "as if you had just had very good news",
    Emotion.SAD: "as if you had lost something dear",
    Emotion.ANGRY: "as if somebody had let you down again",
    Emotion.FEARFUL: "as if you heard steps behind you",
    Emotion.DISGUST: "as if you had smelled something rotten",
    Emotion.SURPRISED: "as if you could not believe your eyes",
}
"""How to act each emotion."""

_TEXTS: Final[Mapping[Emotion, tuple[str, ...]]] = {
    Emotion.NEUTRAL: (
        "The train to the harbour leaves at a quarter past nine.",
        "My keys are on the table beside the blue lamp.",
        "On Tuesday I buy bread, milk and a box of pencils.",
    ),
    Emotion.CALM: (
        "There is no hurry, we have the whole evening for ourselves.",
        "Sit down, breathe out, and listen to the rain for a while.",
        "Everything is where it should be, and nothing has to be done.",
    ),
    Emotion.HAPPY: (
        "They said yes, we are going to the sea next week!",
        "Oh, this is the best present I have ever been given!",
        "Come in, come in, I am so glad that you are here!",
    ),
    Emotion.SAD: (
        "The house is so quiet since she has gone away.",
        "I waited all day, and nobody has called me.",
        "We will not see him again, and I miss him so much.",
    ),
    Emotion.ANGRY: (
        "I have told you three times, do not touch my things!",
        "This is not fair, and you know it very well!",
        "Stop that noise right now, I have had enough of it!",
    ),
    Emotion.FEARFUL: (
        "Please do not open that door, somebody is behind it!",
        "What was that? I think we are not alone in here.",
        "I cannot look down, please hold my hand and do not let go!",
    ),
    Emotion.DISGUST: (
        "Take it away, there is something moving in my soup.",
        "What a smell, how long has this been in the fridge?",
        "I am not going to touch that, it is all slimy.",
    ),
    Emotion.SURPRISED: (
        "You are here? I thought you were on the other side of the world!",
        "What, all of this is really meant for me?",
        "I never knew that you could play the piano like that!",
    ),
}

PROMPTS: Final = tuple(
    Prompt(f"{emotion}-{number}", emotion, text)
    for emotion in EMOTIONS
    for number, text in enumerate(_TEXTS[emotion], 1)
)
"""Three for each emotion, in the order of `EMOTIONS`: about three minutes in all."""

_MORE_NEUTRAL: Final = tuple(
    Prompt(f"{Emotion.NEUTRAL}-{number}", Emotion.NEUTRAL, text)
    for number, text in enumerate(
        (
            "The library is open from ten until six, except on Mondays.",
            "Turn left after the bridge, then take the second street.",
            "The meeting was moved from room four to room seven.",
        ),
        4,
    )
)


def prompts_for(*, neutral_only: bool) -> tuple[Prompt, ...]:
    """List what is to be said: three sentences for each emotion, or six neutral ones."""
    if not neutral_only:
        return PROMPTS
    return (*(prompt for prompt in PROMPTS if prompt.emotion is Emotion.NEUTRAL), *_MORE_NEUTRAL)
