"""From a 3-second window of speech to the probabilities of eight emotions."""
