"""Exercises of the lessons: answers are checked, and a wrong one gets a hint."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
