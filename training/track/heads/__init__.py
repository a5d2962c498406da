"""The heads that ship beside the mood head: genre, instruments, GEMS emotions, valence and arousal."""
