"""Scoring over HTTP, on granian's RSGI interface without a framework in the hot path."""
