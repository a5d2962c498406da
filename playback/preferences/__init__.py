"""What people decide about the music, and the file it is kept in."""
