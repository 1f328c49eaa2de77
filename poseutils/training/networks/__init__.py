"""The networks of training: architectures, pretrained backbones, and changes of a loaded
network."""
