"""One file a product behind a port."""
