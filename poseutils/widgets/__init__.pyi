from .board_chooser import choose_board as choose_board
from .canvas import drag_points as drag_points
from .explorer import explore as explore
from .labeler import label as label
from .live import live as live
from .live_camera import camera as camera
from .memory_chart import memory_plan as memory_plan
