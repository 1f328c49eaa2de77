"""Figures: poses over images, heatmaps, charts and tables, by Matplotlib; OpenCV draws into
images.

Imported on first access, so that drawing does not load Matplotlib.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
