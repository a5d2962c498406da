"""Decoders of sound files: libsndfile first, FFmpeg for what it cannot read."""
