"""The edge: the only rooms that do I/O. Two faces over one core."""
