"""The player of the user's own files: decoding, queue, mixer, loudspeaker."""
