"""The sound devices of this machine: what capture and loudspeaker share."""
