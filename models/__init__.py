"""Audio in, probabilities out: decoding, runtime, weights, emotion, training."""
