"""The board in the loop: a network on a serial line."""
