"""Pose estimation on STM32: decode, evaluate and export keypoint networks.

The public names stand in ``__init__.pyi``, which editors and type checkers read; they are imported
on first access, so that ``import poseutils`` is fast.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
