"""user_config.yaml, typed and checked: :func:`load_config` reads one into a :class:`Config`.

Imported on first access, so that the rooms above share the allowed names without Pydantic.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
