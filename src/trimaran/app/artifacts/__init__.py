"""A product as one reproducible file: built, verified, and loaded again elsewhere."""

from trimaran.app.artifacts.artifact import About, Artifact, is_artifact, packed, read_artifact
from trimaran.app.artifacts.building import build_artifact
from trimaran.app.artifacts.opening import load_named

__all__ = ["About", "Artifact", "build_artifact", "is_artifact", "load_named", "packed", "read_artifact"]
