"""Which playlists an emotion or a direction leads to."""
