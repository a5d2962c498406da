"""From a file to its sound, as it is: libsndfile first, FFmpeg for what that cannot read."""
