"""Data of tracks read as they are published: each form by a module of its own, all into one dataset."""
