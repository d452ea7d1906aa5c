"""What is asked: conditions resolved, planned and judged, as values."""
