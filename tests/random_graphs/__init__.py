"""Random legal int8 networks: described, generated, compared as C with LiteRT, and shrunk where they fail."""
