"""Emotion from speech: data, network, fit, calibration, evaluation and export of the compact model."""
