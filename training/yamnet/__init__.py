"""YAMNet in torch, and the students that learn to answer as it does."""
