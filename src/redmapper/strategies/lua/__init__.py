"""The strategy on the core data structures of Redis: scripts, and what speaks to them."""
