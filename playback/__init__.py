"""Decisions in, music out."""
