"""The HTTP and streaming API of `attune serve`: other programs ask, and listen to what is heard."""
