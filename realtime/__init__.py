"""Sound in, decisions out: capture, buffers, voice activity, gate, listener, journal."""
