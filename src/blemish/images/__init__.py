"""Images: reading files, finding regions in anomaly maps, drawing."""
