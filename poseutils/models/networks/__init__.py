"""A network, whatever its file: what it claims is checked, a runtime opens and runs it."""
