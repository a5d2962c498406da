"""Music on Spotify: one player and what it needs."""
