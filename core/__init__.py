"""What every room may use: errors, settings, paths, logging. Knows no other room."""
