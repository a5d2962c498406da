"""Adapting the emotion model to one voice: prompts, takes, the fit."""
