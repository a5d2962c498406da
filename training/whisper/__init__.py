"""The compact encoder: a narrow Wav2Vec2 on log-mels that learns from the encoder of Whisper base."""
