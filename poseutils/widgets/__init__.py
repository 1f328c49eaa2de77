"""Interactive views for JupyterLab; a notebook shows each beside a static figure of the same
content.

Imported on first access, so that ``import poseutils`` does not load ipywidgets.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
