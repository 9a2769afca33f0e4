"""2D pose files in, PoseTrack out: one module per format, one error type."""
