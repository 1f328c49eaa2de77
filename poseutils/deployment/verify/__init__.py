"""The exported C on this computer and on emulated cores, held to the network's file."""
