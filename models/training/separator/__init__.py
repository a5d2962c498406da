"""The network that takes music out from behind a voice: what it hears, its training, its file."""
