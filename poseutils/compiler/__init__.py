"""From an 8-bit network to C: read, validate, fuse, assign buffers, plan, lower, emit. Knows no
pose, board or runtime."""
