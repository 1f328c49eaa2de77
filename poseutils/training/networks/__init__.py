"""The networks of training: architectures, pretrained backbones, and changes of a loaded
network."""

from .architectures import build_model, check_network
from .normalization import with_fused_normalization
from .pretrained import check_pretrained, load_pretrained
from .resized import at_size
from .transfer import freeze, with_dropout
from .upsampling import with_nearest_upsampling

__all__ = [
    "at_size",
    "build_model",
    "check_network",
    "check_pretrained",
    "freeze",
    "load_pretrained",
    "with_dropout",
    "with_fused_normalization",
    "with_nearest_upsampling",
]
