"""The policy that turns what is heard into switches of the playlist."""
