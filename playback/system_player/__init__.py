"""The player that is already open on this machine, whichever it is: no app and no account of its own."""
