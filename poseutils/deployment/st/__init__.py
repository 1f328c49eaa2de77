"""ST's own tools."""
