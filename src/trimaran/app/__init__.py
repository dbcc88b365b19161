"""Where ports meet backends, and the acts that doors call."""
