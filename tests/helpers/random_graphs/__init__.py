"""Random legal int8 networks: described, generated, compared with LiteRT as C, and shrunk."""
