"""The unit of work: organize, collect, emit, finalize."""
