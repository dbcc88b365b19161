"""trimaran."""
