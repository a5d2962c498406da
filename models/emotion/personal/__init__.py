"""Adaptation of the emotion model to one user's voice, fitted to a few clips of it and kept as a file."""

from models.emotion.personal.file import load_voice, save_voice
from models.emotion.personal.fit import (
    MIN_CLIPS,
    MIN_NEUTRAL_CLIPS,
    check_clips,
    fit_personal,
    summarise_clip,
    usable_corrections,
)
from models.emotion.personal.validation import ValidatedFit, fit_and_validate
from models.emotion.personal.voice import PersonalVoice, Score, VoiceClips, apply_personal

__all__ = [
    "MIN_CLIPS",
    "MIN_NEUTRAL_CLIPS",
    "PersonalVoice",
    "Score",
    "ValidatedFit",
    "VoiceClips",
    "apply_personal",
    "check_clips",
    "fit_and_validate",
    "fit_personal",
    "load_voice",
    "save_voice",
    "summarise_clip",
    "usable_corrections",
]
