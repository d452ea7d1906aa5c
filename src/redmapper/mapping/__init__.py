"""What the user declares, and what is made of it: no room here needs a server."""
