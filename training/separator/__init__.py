"""The network that takes music out from behind a voice: its data, its training, its file."""
