"""The async face."""
