"""EfficientAd: a student and an autoencoder that fail to follow a teacher where a part is odd."""
