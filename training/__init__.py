"""Training: everything that turns corpora into weight files; beside the hybrid the only place for torch."""
