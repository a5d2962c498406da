"""Mood of music: the head on YAMNet embeddings, its data, fit, calibration, figures and export."""
