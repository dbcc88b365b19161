"""Real receivers of notices, on this machine: a server that speaks SMTP, and one that takes POSTs."""

import base64
import email
import email.policy
import http.server
import json
import socketserver
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Listening:
    """A server on a port of the loopback address, in a thread, until it leaves."""

    def __init__(self, server):
        self.server = server
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self._open = True

    def leave(self):
        if self._open:
            self._open = False
            self.server.shutdown()
            self.server.server_close()


class MailHost(Listening):
    """Speaks SMTP (RFC 5321) as far as a sender needs it: EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, RSET, QUIT.

    ``mails`` are the messages that were taken, each with its recipients; ``replies`` are what it says instead of taking:
    by command, a line. ``on_taken`` is called once a message is taken, before the reply.
    """

    def __init__(self, *, tls=None, starttls=False, login=None):
        self.mails = []
        self.replies = {}
        self.logins = []
        self.on_taken = lambda: None
        self.login = login
        self.tls, self.starttls = tls, starttls
        host = self

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        class Talk(socketserver.BaseRequestHandler):
            def handle(self):
                with suppress(OSError, ssl.SSLError):  # who hangs up has had enough
                    Conversation(host, self.request).hold()

        super().__init__(Server(("127.0.0.1", 0), Talk))

    @property
    def received(self):
        return [mail for mail, _, _ in self.mails]


class Conversation:
    def __init__(self, host, connection):
        self.host, self.connection = host, connection
        self.lines = connection.makefile("rb")
        self.safe, self.known, self.recipients = False, host.login is None, []

    def secured(self):
        self.lines.close()
        safe = self.host.tls.wrap_socket(self.connection, server_side=True, do_handshake_on_connect=False)
        self.connection, self.lines, self.safe = safe, safe.makefile("rb"), True
        safe.do_handshake()

    def say(self, line):
        self.connection.sendall(f"{line}\r\n".encode())

    def hold(self):
        try:
            if self.host.tls is not None and not self.host.starttls:
                self.secured()
            self.talk()
        finally:
            self.lines.close()
            self.connection.close()

    def talk(self):
        self.say("220 post.example.com ESMTP")
        while line := self.lines.readline():
            words = line.decode().strip()
            command = words.split(" ")[0].split(":")[0].upper()
            if command in self.host.replies:
                self.say(self.host.replies[command])
            elif command == "EHLO":
                also = "250-STARTTLS\r\n" if self.host.starttls and not self.safe else ""
                self.say(f"250-post.example.com\r\n{also}250 AUTH PLAIN")
            elif command == "STARTTLS":
                self.say("220 go ahead")
                self.secured()
            elif command == "AUTH":
                self.log_in(words)
            elif command == "MAIL":
                self.recipients = []
                self.say("250 ok" if self.known else "530 log in first")
            elif command == "RCPT":
                self.recipients.append(words.partition("<")[2].partition(">")[0])
                self.say("250 ok")
            elif command == "DATA":
                self.take()
            elif command == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def log_in(self, words):
        _, user, password = base64.b64decode(words.split(" ")[2]).decode().split("\0")
        self.host.logins.append((user, password, self.safe))
        self.known = (user, password) == self.host.login
        self.say("235 welcome" if self.known else f"535 the password {password} is not that of {user}")

    def take(self):
        self.say("354 go on")
        lines = []
        while (line := self.lines.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        late = self.host.replies.get("TAKEN")
        if late is not None:
            self.say(late)
            return
        mail = email.message_from_bytes(b"".join(lines), EmailMessage, policy=email.policy.default)
        self.host.mails.append((mail, list(self.recipients), self.safe))
        self.host.on_taken()
        self.say("250 taken")


class PostHost(Listening):
    """Takes POSTs and keeps them, as (path, headers, body); answers ``status`` with ``headers``."""

    def __init__(self):
        self.posts = []
        self.status, self.headers = 200, {}
        host = self

        class Take(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if host.status < 300:
                    host.posts.append((self.path, dict(self.headers), body))
                answer = json.dumps({"id": "1", "event": "message", "echo": self.path}).encode()
                self.send_response(host.status)
                for name, value in {"Content-Length": str(len(answer)), **host.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        super().__init__(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Take))


def certificate(folder):
    """Write a certificate of 127.0.0.1 and its key, and return the server's TLS and the file a client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "trusted.pem", folder / "key.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted
