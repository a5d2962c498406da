"""Speech corpora on their way into training: one manifest form, importers, checks, splits, decoded cache."""
