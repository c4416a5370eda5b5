"""Where frames come from: folders, HTTP, video, cameras. One file a kind, told in `registry`."""
