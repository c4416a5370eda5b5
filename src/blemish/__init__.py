"""blemish: learns what a good surface looks like, and tells where a new picture departs."""
