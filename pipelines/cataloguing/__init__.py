"""The data catalogue: what there is, whose it is, how it may be shared, and where personal data lie."""
