"""The settings of a workspace: ``trimaran.toml`` in its folder, read with all its faults at once; never a password."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from trimaran.core.checks import parse_keep
from trimaran.core.errors import Fault, InputError

SETTINGS = "trimaran.toml"

_Section = TypeVar("_Section", bound=msgspec.Struct)
_SIZES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(MB|GB|TB)")
_MAILBOX = re.compile(r"[^@\s<>,;]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_ADDRESS = re.compile(r"[A-Za-z0-9._-]+:\d+|\[[0-9a-fA-F:]+\]:\d+")
LEAST_MEMORY = 200_000_000
"""Bytes: with less, what reading files takes would be most of it."""

MOST_WORKERS = 256

_PASSWORDS = frozenset({"password", "passfile", "sslpassword"})


class LedgerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the ledger is: a PostgreSQL ``url``, or empty for the file ``ledger.db`` of the workspace."""

    url: str = ""

    def faults(self) -> list[Fault]:
        """Return what is wrong with the values, as far as it can be told without a server."""
        return _url_faults(self.url) if self.url else []


class ObjectsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where objects are: ``url`` is ``s3://bucket/prefix``, or empty for the folder ``objects`` of the workspace.

    ``endpoint`` is the server where it is not Amazon's, ``cache_bytes`` the most that copies of objects may take here.
    The two keys are settings only to be refused: they come from the environment.
    """

    url: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    cache_bytes: int = 10_000_000_000
    access_key: str = ""
    secret_key: str = ""

    def faults(self) -> list[Fault]:
        """Return what is wrong with the values, as far as it can be told without a server."""
        found: list[Fault] = []
        for name in ("access_key", "secret_key"):
            if getattr(self, name):
                remedy = f"take it out; say it in TRIMARAN_S3_{name.upper()}"
                found.append(Fault(where=f"objects.{name}", what="a file is no place for a key", remedy=remedy))
        for name, schemes, form in (
            ("url", {"s3"}, "s3://bucket/prefix"),
            ("endpoint", {"http", "https"}, "https://host:port"),
        ):
            if (said := getattr(self, name)) and not _is_place(said, schemes):
                what = f"it is not of the form {form}, or has keys in it"
                found.append(Fault(where=f"objects.{name}", what=what, remedy=f"write {form}, without keys"))
        if self.cache_bytes < 0:
            found.append(Fault(where="objects.cache_bytes", what="it is negative", remedy="write 0 for no cache"))
        if not self.url and self != ObjectsSettings() and not found:
            found.append(
                Fault(where="objects.url", what="it is not said", remedy="write s3://bucket/prefix, or no [objects]")
            )
        return found


class OnlineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where features by key are: ``url`` is a Redis, or empty for the file ``views.db`` of the workspace.

    Every name there begins with ``prefix``, so that workspaces may share a server.
    """

    url: str = ""
    prefix: str = "trimaran"

    def faults(self) -> list[Fault]:
        """Return what is wrong with the values, as far as it can be told without a server."""
        found = []
        if self.url and not _is_place(self.url, {"redis", "rediss"}):
            remedy = "write redis://host:6379/0, and say the password in TRIMARAN_ONLINE_PASSWORD"
            what = "it is not of the form redis://host:port/number, or has a password in it"
            found.append(Fault(where="online.url", what=what, remedy=remedy))
        if not self.prefix or set(self.prefix) & set("{}"):
            found.append(Fault(where="online.prefix", what="it is empty, or has braces in it", remedy="write a plain word"))
        return found


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long things are kept; an empty rule keeps them for ever. ``apply`` lets a workspace that is up do it once a day.

    ``versions`` and ``runs`` go into the trash (``keep 20``, ``90d``, ``90d unused``), which is purged after ``purge`` (a
    duration), and so do ``tracked`` runs of scripts (``keep 20`` of each project) and runs of ``pipelines`` (of each);
    ``captures``, ``online`` facts and results of ``steps`` of more than an age are removed; of ``tables`` the newest versions can be
    read (``keep 20``), or those that were the newest within a time (``90d``), and those that runs were trained on.
    """

    versions: str = ""
    runs: str = ""
    captures: str = ""
    online: str = ""
    tables: str = ""
    tracked: str = ""
    pipelines: str = ""
    steps: str = ""
    purge: str = ""
    apply: bool = False

    def faults(self) -> list[Fault]:
        """Return what cannot be read of the rules."""
        found: list[Fault] = []
        for name in ("versions", "runs", "captures", "online", "tables", "tracked", "pipelines", "steps", "purge"):
            text, rows = getattr(self, name), name in {"captures", "online", "steps", "purge"}
            try:
                rule = parse_keep(text, where=f"retention.{name}", by_age_alone=rows) if text else None
            except InputError as error:
                found += error.faults
                continue
            if name in {"tables", "tracked", "pipelines"} and rule is not None and rule.unused:
                read = "a version of a table" if name == "tables" else "a run"
                what = f"nobody counts who reads {read}"
                found.append(Fault(where=f"retention.{name}", what=what, remedy="write keep 20 or 90d"))
        return found


class TablesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How tables are kept: ``merge`` is how many small files a table may have before a workspace that is up merges them.

    0 leaves them alone; `trimaran compact` merges them whenever it is called.
    """

    merge: int = 100

    def faults(self) -> list[Fault]:
        """Return what is wrong with the values."""
        if self.merge == 0 or self.merge > 1:
            return []
        return [
            Fault(
                where="tables.merge", what=f"{self.merge} files cannot be merged", remedy="write 2 or more, or 0 for never"
            )
        ]


class ComputingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How features are computed: in how much ``memory`` (``2GB``; empty for half of what is free), by which ``engine``.

    What takes more is computed in parts: in this process, or with ``engine = "ray"`` on the cluster at ``address``
    (``host:port``; ``auto`` for the one this machine belongs to, ``local`` for one of its own), each part in that much memory. Trials of a tuning are
    done there too, or in so many processes of this machine as ``workers`` says, in this one where it says nothing; models of segments likewise, in a
    process a core where it says nothing.
    """

    memory: str = ""
    engine: Literal["local", "ray"] = "local"
    address: str = ""
    workers: int | None = None

    @property
    def bytes(self) -> int | None:
        """The memory that is named, None where none is."""
        found = _SIZE.fullmatch(self.memory.strip())
        return int(float(found[1]) * _SIZES[found[2]]) if found else None

    def faults(self) -> list[Fault]:
        """Return what is wrong with the values, as far as it can be told without a cluster."""
        found: list[Fault] = []
        if self.memory and (self.bytes or 0) < LEAST_MEMORY:
            what = f"{self.memory!r} is not a size of {LEAST_MEMORY // 10**6} MB or more"
            found.append(Fault(where="computing.memory", what=what, remedy="write a number and MB, GB or TB, like 2GB"))
        if self.address and self.engine != "ray":
            what = "it is said, but the engine is not ray"
            found.append(Fault(where="computing.address", what=what, remedy='write engine = "ray", or take it out'))
        if self.workers is not None and not 1 <= self.workers <= MOST_WORKERS:
            remedy = f"write a number from 1 to {MOST_WORKERS}"
            found.append(Fault(where="computing.workers", what=f"{self.workers} processes cannot be", remedy=remedy))
        if self.address not in {"", "auto", "local"} and not _ADDRESS.fullmatch(self.address):
            what = f"{self.address!r} is not the address of a cluster"
            found.append(Fault(where="computing.address", what=what, remedy="write host:port, auto or local"))
        return found


class NoticesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How notices are sent by mail: through the server ``smtp`` names, from the address ``sender``.

    ``smtps://user@host`` speaks TLS from the first byte on (port 465), ``smtp://user@host`` by STARTTLS (port 587).
    """

    smtp: str = ""
    sender: str = ""

    def faults(self) -> list[Fault]:
        """Return what is wrong with the values, as far as it can be told without a server."""
        if not self.smtp and not self.sender:
            return []
        found, form = [], "write smtps://user@host or smtp://user@host:port, and say the password in TRIMARAN_SMTP_PASSWORD"
        try:
            parts = urlsplit(self.smtp)
            whole = parts.scheme in {"smtp", "smtps"} and bool(parts.hostname) and parts.port != 0
            plain = parts.password is None and not parts.query and parts.path in {"", "/"}
        except ValueError:
            whole = plain = False
        if not whole or not plain:
            what = "it is not of the form smtps://user@host, or has a password in it"
            found.append(Fault(where="notices.smtp", what=what, remedy=form))
        if not _MAILBOX.fullmatch(self.sender):
            what = "it is not the mail address that notices come from"
            found.append(Fault(where="notices.sender", what=what, remedy="write trimaran@example.com"))
        return found


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings; each field is a section, and a section tells its own ``faults``."""

    ledger: LedgerSettings = LedgerSettings()
    objects: ObjectsSettings = ObjectsSettings()
    online: OnlineSettings = OnlineSettings()
    retention: RetentionSettings = RetentionSettings()
    computing: ComputingSettings = ComputingSettings()
    tables: TablesSettings = TablesSettings()
    notices: NoticesSettings = NoticesSettings()


def read_settings(root: Path) -> Settings:
    r"""Return the settings of a workspace's folder, the defaults where it has none; raises ``InputError`` with every fault.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> _ = (root / SETTINGS).write_text('[ledger]\nurl = "postgresql://trimaran@db.example.com/ledger"')
    >>> read_settings(root).ledger.url
    'postgresql://trimaran@db.example.com/ledger'
    """
    path = root / SETTINGS
    if not path.exists():
        return Settings()
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(path), [Fault(what=f"it is not TOML: {error}", remedy="correct it")]) from error
    sections = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    faults = [_unknown(name, "section", sections) for name in said if name not in sections]
    read: dict[str, Any] = {}
    for name, kind in sections.items():
        section, wrong = _section(kind, name, said.get(name, {}))
        faults += wrong
        read[name] = section
    if faults:
        raise InputError(str(path), faults)
    return Settings(**read)


def _section(kind: type[_Section], name: str, said: Any) -> tuple[_Section | None, list[Fault]]:
    if not isinstance(said, dict):
        return None, [Fault(where=name, what=f"{name} is one value", remedy=f"write a section [{name}]")]
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    faults = [_unknown(f"{name}.{key}", "setting", [f"{name}.{field}" for field in fields]) for key in said.keys() - fields]
    kept: dict[str, Any] = {}
    for key, wanted in fields.items():
        if key in said:
            try:
                kept[key] = msgspec.convert(said[key], wanted)
            except msgspec.ValidationError as error:
                faults.append(Fault(where=f"{name}.{key}", what=str(error), remedy="write a value of that type"))
    try:
        section = msgspec.convert(kept, kind)
    except msgspec.ValidationError as error:
        return None, [*faults, Fault(where=name, what=str(error), remedy="say it")]
    return section, [*faults, *getattr(section, "faults", list)()]


def _unknown(name: str, what: str, known: Any) -> Fault:
    return Fault(where=name, what=f"there is no {what} of this name", remedy=f"choose one of: {', '.join(known)}")


def _is_place(url: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc and not parts.query


def _url_faults(url: str) -> list[Fault]:
    where, faults = "ledger.url", []
    try:
        parts = urlsplit(url)
        given = {name.lower() for name, _ in parse_qsl(parts.query)}
        secret = parts.password is not None or bool(given & _PASSWORDS)
        database = parts.path.strip("/")
    except ValueError:
        return [Fault(where=where, what="it is not a URL", remedy="write postgresql://user@host/database")]
    if secret:
        remedy = "take it out; say it in TRIMARAN_LEDGER_PASSWORD or in ~/.pgpass"
        faults.append(Fault(where=where, what="it has a password, and a file is no place for one", remedy=remedy))
    if parts.scheme not in {"postgresql", "postgres"}:
        faults.append(Fault(where=where, what="it is not of PostgreSQL", remedy="write postgresql://user@host/database"))
    elif not database:
        faults.append(Fault(where=where, what="it names no database", remedy="write postgresql://user@host/database"))
    return faults
