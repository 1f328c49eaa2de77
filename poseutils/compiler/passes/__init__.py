"""Graphs to graphs with fewer operators."""
