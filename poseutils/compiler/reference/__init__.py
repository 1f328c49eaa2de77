"""LiteRT's integer arithmetic in NumPy."""
