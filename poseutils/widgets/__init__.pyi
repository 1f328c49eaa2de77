from .explorer import explore as explore
from .live import live as live
