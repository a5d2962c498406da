"""The user's own music: indexed, kept, and listed as playlists."""
