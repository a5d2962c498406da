"""Trainings of models of whole tracks: genre, mood, tempo, key, valence, arousal, emotions."""
