"""Pages and charts: what a browser shows. Reads snapshots, sends commands to the engine."""
