"""Builds the artifact of a product: the code it reaches, the packages it was built with, and where it comes from."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path, PurePosixPath

from trimaran.app.artifacts.artifact import (
    ABOUT,
    CODE,
    COLUMNS,
    DIFF,
    FORM,
    LOCK,
    PROVENANCE,
    SUFFIX,
    About,
    Artifact,
    contents_of,
    is_artifact,
    packed,
    read_artifact,
)
from trimaran.app.artifacts.provenance import statement
from trimaran.app.beside import unbind
from trimaran.app.loading import Loaded, load_file
from trimaran.build import environment_of, standing_of
from trimaran.core.canon import canonical, digest
from trimaran.core.errors import Conflict, Fault, InputError
from trimaran.data.declaration import write_schemas

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


def build_artifact(path: Path, out: Path, *, data: Path | None = None, version: str | None = None) -> tuple[Path, Artifact]:
    """Build a product's artifact into a folder, and return where it is and what is in it.

    ``data`` is the folder its sources and contracts are looked up in, the file's own by default; ``version`` is a name for it,
    by default the beginning of the digest of what it is made from. The same inputs (the code, the columns of its sources, the
    installed packages, the commit and what is not committed) give the same bytes. Raises ``DefinitionError``, ``InputError``,
    and ``Conflict`` where another artifact of that name is there.
    """
    if version is not None and not _VERSION.fullmatch(version):
        what = f"version {version!r} cannot be in a file's name"
        raise InputError("build", [Fault(what=what, remedy="write letters, digits, dots, dashes, like 1.4.0")])
    if is_artifact(path):
        what = f"{path.name} is an artifact already"
        raise InputError("build", [Fault(what=what, remedy="name a product file, or add --verify")])
    loaded = load_file(path, root=data)
    members = {f"{CODE}{name}": text.encode() for name, text in _texts(path, loaded, data or path.parent).items()}
    environment, lock = environment_of()
    head = f"# python {environment.python} on {environment.platform}\n".encode()
    members |= {LOCK: head + lock, COLUMNS: write_schemas(loaded.definition.schemas)}
    names = [name.removeprefix(CODE) for name in members if name.startswith(CODE)]
    standing = standing_of(path.resolve().parent, names)
    if standing is not None and standing.changes:
        members[DIFF] = standing.changes
    contents, ours = contents_of(members), metadata.version("trimaran")
    about = About(
        form=FORM,
        product=loaded.definition.name,
        owner=loaded.definition.owner,
        version=version or contents[:12],
        file=path.name,
        python=environment.python.rpartition(".")[0],
        trimaran=ours,
        contents=contents,
        sources={name: table.source.label for name, table in loaded.definition.tables.items()},
        contracts=loaded.declaration.contract_files,
    )
    told = statement(members, path.name, environment, ours, standing)
    whole = packed({**members, ABOUT: canonical(about), PROVENANCE: canonical(told)})
    place = out / f"{about.product}-{about.version}{SUFFIX}"
    _write(place, whole)
    return place, read_artifact(place, digest_=digest(whole))


def _texts(path: Path, loaded: Loaded, root: Path) -> dict[str, str]:
    """Return the product's own text, the modules beside it and its contracts, by their path; raises ``InputError``."""
    kept = unbind(loaded.text)
    found = {path.name: kept.text, **kept.modules}
    faults = []
    for table, contract in loaded.declaration.contract_files.items():
        place = PurePosixPath(contract)
        if place.is_absolute() or ".." in place.parts:
            remedy = "put it below the folder of the data, and name it by its path there"
            faults.append(Fault(what=f"the contract of {table} is at {contract}", remedy=remedy))
        else:
            found[place.as_posix()] = (root / contract).read_text(encoding="utf-8")
    if faults:
        raise InputError("an artifact holds what lies beside the product alone", faults)
    return found


def _write(place: Path, whole: bytes) -> None:
    if place.exists():
        if place.read_bytes() != whole:
            what = f"{place} is there already and holds something else"
            raise Conflict(f"{what}: give this one another --version, or move that one away")
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".{place.name}.part")
    aside.write_bytes(whole)
    aside.replace(place)
