"""What detectors on the features of a backbone share: from images to one vector a cell."""
