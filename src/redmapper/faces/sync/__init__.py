"""The sync face."""
