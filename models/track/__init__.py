"""What a whole track is: tempo, key, genre, instruments, valence and arousal, nine emotions."""
