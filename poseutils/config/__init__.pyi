from .calls import NOT_NEEDED as NOT_NEEDED
from .configuration import Config as Config
from .configuration import services_of as services_of
from .loading import load_config as load_config
from .loading import read_config as read_config
