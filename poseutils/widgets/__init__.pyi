from .canvas import drag_points as drag_points
from .explorer import explore as explore
from .live import live as live
