"""Joins the rooms: what every front door uses."""
