"""C and its comments as text."""
