"""Records of what was measured: plain values, one JSON file a job."""
