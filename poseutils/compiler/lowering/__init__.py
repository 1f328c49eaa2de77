"""Operators to calls of kernels, one file an operator family."""
