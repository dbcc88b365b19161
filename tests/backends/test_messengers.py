"""Mail, webhooks and services against real receivers: the port's laws, and what each kind does besides."""

import json
import logging

import pytest

from receivers import MailHost, PostHost, certificate
from trimaran.backends.apprise_services import AppriseService
from trimaran.backends.event_webhook import TYPE, EventWebhook
from trimaran.backends.smtp_mail import MailServer, SmtpMail
from trimaran.core.errors import Refused, Unavailable
from trimaran.core.ports import Busy
from trimaran.core.targets import SERVICES
from trimaran.testing import MemoryMessenger, messenger_kit
from trimaran.testing.messenger_kit import Received, message

# apprise looks for a module that Python 3.13 has not any more.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

PASSWORD, TOKEN = "s3cret-pass", "tok3n-abcdef-123456"


class ByMail:
    to, secrets, tells = "ops@example.com", (PASSWORD,), True

    def __init__(self):
        self.host = MailHost(login=("trimaran", PASSWORD))
        self.leave = self.host.leave
        server = MailServer(
            host="127.0.0.1", port=self.host.port, sender="trimaran@example.com", user="trimaran", password=PASSWORD
        )
        self.messenger = SmtpMail(server, self.to)

    def received(self):
        return [
            Received(
                id=mail["Message-ID"],
                subject=mail["Subject"],
                text=mail.get_content().replace("\r\n", "\n"),
                to=", ".join(recipients),
            )
            for mail, recipients, _ in self.host.mails
        ]

    def answer(self, how):
        self.host.replies = {
            "take": {},
            "later": {"TAKEN": f"451 try again, {PASSWORD}"},
            "never": {"RCPT": f"550 no such user, {PASSWORD}"},
        }[how]


class ByWebhook:
    secrets, tells = (TOKEN, PASSWORD), True

    def __init__(self):
        self.host = PostHost()
        self.leave = self.host.leave
        self.to = f"/hooks/{TOKEN}?key={PASSWORD}"
        self.messenger = EventWebhook(f"http://127.0.0.1:{self.host.port}{self.to}", [f"{TOKEN}?key={PASSWORD}"])

    def received(self):
        events = [(path, json.loads(body)) for path, _, body in self.host.posts]
        return [
            Received(id=event["id"], subject=event["data"]["subject"], text=event["data"]["text"], to=path)
            for path, event in events
        ]

    def answer(self, how):
        self.host.status = {"take": 202, "later": 500, "never": 410}[how]


class ByService:
    """Mattermost's incoming webhook, as apprise speaks to it."""

    secrets, tells = (TOKEN,), False

    def __init__(self):
        self.host = PostHost()
        self.leave = self.host.leave
        self.to = f"/hooks/{TOKEN}"
        self.messenger = AppriseService("Mattermost", f"mmost://127.0.0.1:{self.host.port}/{TOKEN}", [TOKEN])

    def received(self):
        found = []
        for path, _, body in self.host.posts:
            subject, _, text = json.loads(body)["text"].partition("\r\n")
            found.append(Received(id=text.rpartition("· ")[2], subject=subject, text=text, to=path))
        return found

    def answer(self, how):
        self.host.status = {"take": 200, "later": 503, "never": 404}[how]


class InMemory:
    to, secrets, tells = "", (), True

    def __init__(self):
        self.messenger = MemoryMessenger()

    def received(self):
        return [Received(id=one.id, subject=one.subject, text=one.text, to="") for one in self.messenger.taken]

    def answer(self, how):
        errors = {"take": [], "later": [Unavailable("not now")], "never": [Refused("never")]}
        self.messenger.errors = errors[how]

    def leave(self):
        self.messenger.errors = [Unavailable("nobody is there")]


@pytest.fixture(params=[ByMail, ByWebhook, ByService, InMemory])
def receiver(request):
    found = request.param()
    yield found
    found.leave()


@pytest.fixture
def webhook():
    found = ByWebhook()
    yield found
    found.leave()


@pytest.mark.parametrize("law", messenger_kit.LAWS, ids=lambda law: law.__name__)
def test_it_keeps_the_laws_of_a_messenger(law, receiver):
    law(receiver)


def mailer(there, **said):
    given = {"host": "127.0.0.1", "port": there.port, "sender": "trimaran@example.com", **said}
    return SmtpMail(MailServer(**given), "ops@example.com")


def test_a_mail_says_what_it_is_and_where_it_is_from():
    host = MailHost()
    mailer(host).send(message())
    host.leave()
    (mail,) = host.received
    assert mail["From"] == "trimaran <trimaran@example.com>"
    assert mail["Message-ID"] == f"<{message().id[:40]}@trimaran>"
    assert len(mail.get_all("Message-ID")) == 1
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == message().at
    assert mail.get_content().rstrip().endswith("notice 7 of flight-delay")


@pytest.mark.parametrize("starttls", [False, True], ids=["tls", "starttls"])
def test_a_password_goes_over_tls_that_is_verified(tmp_path, monkeypatch, starttls):
    tls, trusted = certificate(tmp_path)
    host = MailHost(tls=tls, starttls=starttls, login=("trimaran", PASSWORD))
    mail = mailer(host, user="trimaran", password=PASSWORD, tls=not starttls)
    with pytest.raises(Unavailable, match="cannot be reached"):
        mail.send(message())
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    mail.send(message())
    host.leave()
    assert host.logins == [("trimaran", PASSWORD, True)]
    assert [safe for _, _, safe in host.mails] == [True]


def test_a_password_is_not_sent_in_the_clear_to_another_machine():
    host = MailHost(login=("trimaran", PASSWORD))
    # Leads here, and does not look like it.
    mail = mailer(host, host="0.0.0.0", user="trimaran", password=PASSWORD)
    with pytest.raises(Unavailable, match="offers no TLS"):
        mail.send(message())
    host.leave()
    assert host.logins == []


def test_a_wrong_password_is_told_without_it_and_is_no_end():
    host = MailHost(login=("trimaran", "another"))
    with pytest.raises(Unavailable, match="refused the log-in: 535") as told:
        mailer(host, user="trimaran", password=PASSWORD).send(message())
    host.leave()
    assert PASSWORD not in str(told.value)


def test_a_mail_that_was_taken_is_sent_even_if_the_goodbye_fails():
    host = MailHost()
    host.replies = {"QUIT": "421 gone"}
    assert mailer(host).send(message()).startswith("taken by the mail server 127.0.0.1")
    host.leave()
    assert len(host.received) == 1


def test_the_body_of_a_webhook_is_a_cloud_event(webhook):
    webhook.messenger.send(message())
    ((_, headers, body),) = webhook.host.posts
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert json.loads(body) == {
        "specversion": "1.0",
        "id": message().id,
        "source": "/trimaran/flight-delay",
        "type": TYPE,
        "time": "2013-07-01T12:00:00+00:00",
        "subject": "flight-delay",
        "datacontenttype": "application/json",
        "data": {"notice": 7, "subject": "wind drifted", "text": "PSI is 1.9", "about": None},
    }


def test_a_webhook_may_say_when_to_come_again_but_not_where(webhook):
    webhook.host.status, webhook.host.headers = 429, {"Retry-After": "3600"}
    with pytest.raises(Busy) as told:
        webhook.messenger.send(message())
    assert told.value.wait.total_seconds() == 3600
    webhook.host.status, webhook.host.headers = 302, {"Location": f"http://127.0.0.1:{webhook.host.port}/other"}
    with pytest.raises(Unavailable, match="a redirect is not followed"):
        webhook.messenger.send(message())
    assert webhook.host.posts == []


def test_a_log_in_goes_along_as_basic_and_only_where_it_is_safe(webhook):
    EventWebhook(f"http://me:{PASSWORD}@127.0.0.1:{webhook.host.port}/hook", [f"me:{PASSWORD}"]).send(message())
    assert webhook.host.posts[0][1]["Authorization"].startswith("Basic ")
    with pytest.raises(Unavailable, match="without TLS"):
        EventWebhook(f"http://me:{PASSWORD}@hooks.example.com/hook", [PASSWORD])


@pytest.mark.parametrize("url", ["https://[", "slack://x", "https://host:port/", "https://"])
def test_a_variable_that_makes_no_url_is_told(url):
    with pytest.raises(Unavailable, match="make no URL"):
        EventWebhook(url, [])


def test_nothing_of_a_service_comes_into_the_log(caplog):
    receiver = ByService()
    with caplog.at_level(logging.DEBUG):
        receiver.messenger.send(message())
        receiver.answer("later")
        with pytest.raises(Unavailable, match="Mattermost did not take it"):
            receiver.messenger.send(message())
        logging.getLogger("apprise").warning("of somebody else")
    receiver.leave()
    assert TOKEN not in caplog.text
    assert "of somebody else" in caplog.text


def test_a_service_that_apprise_cannot_read_is_told_without_its_url():
    with pytest.raises(Unavailable, match="Slack cannot be reached by what") as told:
        AppriseService("Slack", f"slack://{TOKEN}", [TOKEN]).send(message())
    assert TOKEN not in str(told.value)


def test_every_service_is_one_that_apprise_knows():
    from apprise import Apprise

    known = {
        name
        for one in Apprise().details()["schemas"]
        for name in (*(one["protocols"] or ()), *(one["secure_protocols"] or ()))
    }
    assert SERVICES.keys() <= known


def test_what_apprise_warns_of_is_the_reason_without_secrets():
    host = PostHost()
    host.status = 503
    with pytest.raises(Unavailable) as told:
        AppriseService("Mattermost", f"mmost://127.0.0.1:{host.port}/abc?channels={TOKEN}", [f"abc?channels={TOKEN}"]).send(
            message()
        )
    host.leave()
    assert str(told.value).endswith("to channel ***: Servers are overloaded., error=503.")
