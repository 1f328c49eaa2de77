"""Boards that run Linux."""
