"""The doors: each parses, calls one act, and renders."""
