"""What genres, instruments, the nine emotions of music and keys are called, and how that is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GENRES: Final[Mapping[str, str]] = {
    "60s": "60s",
    "70s": "70s",
    "80s": "80s",
    "90s": "90s",
    "acidjazz": "acid jazz",
    "alternative": "alternative",
    "alternativerock": "alternative rock",
    "ambient": "ambient",
    "atmospheric": "atmospheric",
    "blues": "blues",
    "bluesrock": "blues rock",
    "bossanova": "bossa nova",
    "breakbeat": "breakbeat",
    "celtic": "Celtic",
    "chanson": "chanson",
    "chillout": "chill-out",
    "choir": "choir music",
    "classical": "classical",
    "classicrock": "classic rock",
    "club": "club",
    "contemporary": "contemporary",
    "country": "country",
    "dance": "dance",
    "darkambient": "dark ambient",
    "darkwave": "dark wave",
    "deephouse": "deep house",
    "disco": "disco",
    "downtempo": "downtempo",
    "drumnbass": "drum and bass",
    "dub": "dub",
    "dubstep": "dubstep",
    "easylistening": "easy listening",
    "edm": "EDM",
    "electronic": "electronic",
    "electronica": "electronica",
    "electropop": "electropop",
    "ethno": "ethno",
    "eurodance": "Eurodance",
    "experimental": "experimental",
    "folk": "folk",
    "funk": "funk",
    "fusion": "fusion",
    "groove": "groove",
    "grunge": "grunge",
    "hard": "hard",
    "hardrock": "hard rock",
    "hiphop": "hip-hop",
    "house": "house",
    "idm": "IDM",
    "improvisation": "improvisation",
    "indie": "indie",
    "industrial": "industrial",
    "instrumentalpop": "instrumental pop",
    "instrumentalrock": "instrumental rock",
    "jazz": "jazz",
    "jazzfusion": "jazz fusion",
    "latin": "Latin",
    "lounge": "lounge",
    "medieval": "medieval",
    "metal": "metal",
    "minimal": "minimal",
    "newage": "new age",
    "newwave": "new wave",
    "orchestral": "orchestral",
    "pop": "pop",
    "popfolk": "pop folk",
    "poprock": "pop rock",
    "postrock": "post-rock",
    "progressive": "progressive",
    "psychedelic": "psychedelic",
    "punkrock": "punk rock",
    "rap": "rap",
    "reggae": "reggae",
    "rnb": "R&B",
    "rock": "rock",
    "rocknroll": "rock 'n' roll",
    "singersongwriter": "singer-songwriter",
    "soul": "soul",
    "soundtrack": "soundtrack",
    "swing": "swing",
    "symphonic": "symphonic",
    "synthpop": "synth-pop",
    "techno": "techno",
    "trance": "trance",
    "triphop": "trip hop",
    "world": "world music",
    "worldfusion": "world fusion",
}
"""Tags of MTG-Jamendo -> how they are written."""

INSTRUMENTS: Final[Mapping[str, str]] = {
    "accordion": "accordion",
    "acousticbassguitar": "acoustic bass guitar",
    "acousticguitar": "acoustic guitar",
    "bass": "bass",
    "beat": "beat",
    "bell": "bell",
    "bongo": "bongo",
    "brass": "brass",
    "cello": "cello",
    "clarinet": "clarinet",
    "classicalguitar": "classical guitar",
    "computer": "computer",
    "doublebass": "double bass",
    "drummachine": "drum machine",
    "drums": "drums",
    "electricguitar": "electric guitar",
    "electricpiano": "electric piano",
    "flute": "flute",
    "guitar": "guitar",
    "harmonica": "harmonica",
    "harp": "harp",
    "horn": "horn",
    "keyboard": "keyboard",
    "oboe": "oboe",
    "orchestra": "orchestra",
    "organ": "organ",
    "pad": "pad",
    "percussion": "percussion",
    "piano": "piano",
    "pipeorgan": "pipe organ",
    "rhodes": "Rhodes piano",
    "sampler": "sampler",
    "saxophone": "saxophone",
    "strings": "strings",
    "synthesizer": "synthesizer",
    "trombone": "trombone",
    "trumpet": "trumpet",
    "viola": "viola",
    "violin": "violin",
    "voice": "voice",
}
"""Tags of MTG-Jamendo -> how they are written."""

EMOTIONS: Final[Mapping[str, str]] = {
    "amazement": "amazement",
    "solemnity": "solemnity",
    "tenderness": "tenderness",
    "nostalgia": "nostalgia",
    "calmness": "calmness",
    "power": "power",
    "joyful_activation": "joyful activation",
    "tension": "tension",
    "sadness": "sadness",
}
"""The nine emotions of the Geneva Emotional Music Scale, as Emotify calls them -> how they are written."""

_TONICS: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# Spelled as most music is: with few accidentals.
_MAJOR: Final = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_MINOR: Final = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "G♯", "A", "B♭", "B")
KEYS: Final[Mapping[str, str]] = {
    f"{tonic} {mode}": f"{written} {mode}"
    for mode, spelled in (("major", _MAJOR), ("minor", _MINOR))
    for tonic, written in zip(_TONICS, spelled, strict=True)
}
"""Keys as they are found -> how they are written."""

_WRITTEN: Final = {**GENRES, **INSTRUMENTS, **EMOTIONS}


def written(label: str) -> str:
    """How a genre, an instrument or an emotion is written; what is not known stays as it is."""
    return _WRITTEN.get(label, label)


def genre_label(text: str) -> str:
    """The label of a genre, also where it comes as it is written; what is not known stays, in lower case."""
    plain = text.strip().lower()
    return next((label for label, name in GENRES.items() if name.lower() == plain), plain)
