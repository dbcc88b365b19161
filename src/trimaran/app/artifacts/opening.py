"""Loads what a person names as a product: its file, or its artifact, verified before any of it is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from trimaran.app.artifacts.artifact import DIFF, Artifact, is_artifact, read_artifact
from trimaran.app.beside import bind
from trimaran.app.loading import Held, Loaded, Origin, load_file, load_product
from trimaran.core.errors import Fault, InputError


def load_named(path: Path, *, root: Path | None = None, held: Held | None = None, digest: str | None = None) -> Loaded:
    """Return the product of a file or an artifact, as ``load_file`` does.

    ``root`` is the folder its sources are looked up in, by default that of the file or artifact. ``digest`` is what the whole
    artifact must have. Raises ``Corrupt`` for an artifact that was changed.
    """
    if not is_artifact(path):
        if digest is not None:
            what = f"a digest was given, and {path.name} is no artifact"
            raise InputError("digest", [Fault(what=what, remedy="name an artifact of `trimaran build`")])
        return load_file(path, root=root, held=held)
    found = read_artifact(path, digest_=digest)
    where = root or path.parent
    _require_contracts(found, where)
    texts = found.code
    modules = {name: text for name, text in texts.items() if name != found.about.file and name.endswith(".py")}
    text = bind(texts[found.about.file], modules)
    # The columns that a workspace holds count, as for a file; without one the sources say them.
    schemas = held(found.about.product) if held is not None else None
    loaded = load_product(text, root=where, name=found.about.file, schemas=schemas, evolve=held is not None)
    return replace(loaded, origin=_origin(found))


def _origin(found: Artifact) -> Origin:
    dependencies = found.provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    commit = next((one["digest"]["gitCommit"] for one in dependencies if one["name"] == "repository"), None)
    return Origin(commit, found.members.get(DIFF))


def _require_contracts(found: Artifact, root: Path) -> None:
    """Raise ``InputError`` where a contract of the artifact is not, as it is there, in the folder of the data."""
    faults = []
    for table, path in found.about.contracts.items():
        place, text = root / path, found.code.get(path, "")
        if not place.is_file() or place.read_text(encoding="utf-8") != text:
            what = f"the contract of {table}, {path}, is {'another' if place.is_file() else 'not'} in {root}"
            remedy = f"take it out of the artifact: tar -xf {found.about.product}*.tar --strip-components=1 product/{path}"
            faults.append(Fault(what=what, remedy=remedy))
    if faults:
        raise InputError(f"artifact of {found.about.product}", faults)
