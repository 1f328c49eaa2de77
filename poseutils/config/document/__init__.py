"""The file of a configuration as plain dictionaries: one YAML dialect for all generations of it."""
