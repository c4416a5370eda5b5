"""Model files: what they say, judging with them, fitting, setting thresholds anew."""
