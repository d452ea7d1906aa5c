"""Ways to keep entities and to answer queries."""
