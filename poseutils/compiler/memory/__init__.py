"""Where tensors are: views, buffers, the plan of the arena, and its proof."""
