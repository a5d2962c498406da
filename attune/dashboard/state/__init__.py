"""What a session of the dashboard holds."""
