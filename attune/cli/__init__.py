"""The terminal, `attune ...`: one module for each command or group of commands."""
