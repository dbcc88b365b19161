"""The sender: each notice once, again after a failure, never from a rehearsal; and what is told of it."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from receivers import MailHost, PostHost
from trimaran.app.sending import LEASE, WAITS, Sender
from trimaran.app.settings import SETTINGS
from trimaran.app.views import Book, notices
from trimaran.app.workspace import CLOCK, Workspace
from trimaran.control.outbox import LIFETIME, Outbox
from trimaran.core.clock import ManualClock, SharedClock
from trimaran.core.errors import Refused, Unavailable
from trimaran.core.nouns import Declared, Dispatch, Notice
from trimaran.core.ports import Busy
from trimaran.testing import Failing, MemoryMessenger

NOW = datetime(2013, 7, 1, tzinfo=UTC)
OPS = "mailto:ops@example.com"
MAIL = '[notices]\nsmtp = "smtp://127.0.0.1:{port}"\nsender = "trimaran@example.com"\n'


class Place:
    """A workspace with a mail server in its settings, and a messenger that keeps what it takes."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = ManualClock(NOW)
        self.messenger = MemoryMessenger()
        self.told = []
        folder.mkdir()
        (folder / SETTINGS).write_text(MAIL.format(port=25))
        self.workspace = Workspace(folder, clock=self.clock)
        declared = Declared(product="p", owner="me", source="0" * 64, policies={})
        self.workspace.ledger.append(declared, "p", key="declared")
        self.sender = self.another()

    def another(self, **said):
        return Sender(self.workspace, self.told.append, messenger_of=lambda target, settings: self.messenger, **said)

    def notice(self, text="PSI is 1.9", to=OPS, key=None):
        record = Notice(product="p", to=to, subject="p: drift", text=text)
        return self.workspace.ledger.append(record, "p", key=key or f"notice:{text}:{to}")

    def after(self, span):
        self.clock.set(self.clock.now() + span)
        return self.sender.round()

    def view(self):
        return notices(Book.open(Workspace(self.folder, clock=self.clock), "p"))

    def attempts(self):
        return [record.outcome for _, record in self.workspace.ledger.history([Dispatch])]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "workspace")


def test_a_notice_is_sent_once_whoever_looks_again(place):
    ref = place.notice()
    assert (place.sender.round(), place.sender.round(), place.another().round()) == (1, 0, 0)
    (message,) = place.messenger.taken
    assert (message.id, message.subject, message.text, message.at) == (ref.digest, "p: drift", "PSI is 1.9", NOW)
    (one,) = place.view()
    assert (one.state, one.reason, one.attempts, one.sent_at) == ("sent", "kept in memory", 1, NOW)
    assert one.id == ref.digest
    assert place.told == []


def test_each_product_and_address_gets_its_own_in_the_order_of_the_ledger(place):
    for text in ("one", "two"):
        for to in (OPS, "mailto:boss@example.com"):
            place.notice(text, to)
    assert place.sender.round() == 4
    assert [message.text for message in place.messenger.taken] == ["one", "one", "two", "two"]


def test_a_failure_is_on_record_told_once_and_tried_again_ever_more_rarely(place):
    place.notice()
    place.messenger.errors = [Unavailable("nobody is there")] * 3
    assert place.sender.round() == 0
    (one,) = place.view()
    assert (one.state, one.reason, one.attempts) == ("waiting", "nobody is there", 1)
    assert one.until == NOW + WAITS[0]
    assert place.after(WAITS[0] - timedelta(seconds=1)) == 0
    assert place.attempts() == ["begun", "failed"]
    place.after(timedelta(seconds=1))
    place.after(WAITS[1])
    assert place.attempts() == ["begun", "failed"] * 3
    assert place.told == ["notice 2 to mailto:ops@example.com: nobody is there; tried again later"]
    assert place.after(WAITS[2]) == 1
    assert [one.state for one in place.view()] == ["sent"]


def test_a_target_that_fails_is_asked_once_a_round_and_others_are_not_held_up(place):
    for text in ("one", "two", "three"):
        place.notice(text)
    place.notice("to the boss", "mailto:boss@example.com")
    place.messenger.errors = [Unavailable("nobody is there")]
    assert place.sender.round() == 1
    assert [message.text for message in place.messenger.taken] == ["to the boss"]
    assert [one.attempts for one in place.view()] == [1, 0, 0, 1]


def test_a_receiver_that_says_when_is_not_asked_before(place):
    place.notice()
    place.messenger.errors = [Busy("answered 429", timedelta(hours=1))]
    place.sender.round()
    assert place.after(timedelta(minutes=59)) == 0
    assert place.after(timedelta(minutes=1)) == 1


def test_a_receiver_that_says_never_is_not_asked_again(place):
    place.notice()
    place.messenger.errors = [Refused("550 no such user")]
    place.sender.round()
    assert place.after(timedelta(days=1)) == 0
    (one,) = place.view()
    assert (one.state, one.reason, one.until) == ("failed", "550 no such user", None)
    assert place.attempts() == ["begun", "given up"]


def test_what_could_not_be_sent_while_it_was_news_has_failed(place):
    place.notice()
    place.messenger.errors = [Unavailable("nobody is there")] * 99
    while place.clock.now() < NOW + LIFETIME + timedelta(days=1):
        place.after(timedelta(hours=1))
    (one,) = place.view()
    assert (one.state, one.reason) == ("failed", "nobody is there")
    assert place.attempts()[-1] == "given up"
    assert one.attempts < 10


def test_what_nobody_tried_in_time_has_failed_and_is_not_sent_in_a_flood(place):
    for number in range(5):
        place.notice(f"{number}")
    assert place.after(LIFETIME) == 0
    assert {one.state for one in place.view()} == {"failed"}
    assert place.view()[0].reason.startswith("not sent within 3d")
    assert place.attempts() == []


def test_a_new_start_does_not_wait_for_the_back_off(place):
    place.notice()
    place.messenger.errors = [Unavailable("nobody is there")]
    place.sender.round()
    assert place.sender.round() == 0
    assert place.another().round() == 1


def test_a_library_that_fails_in_its_own_way_is_told_without_what_it_says(place):
    place.notice()
    place.messenger.errors = [KeyError("https://me:secret@example.com")]
    place.sender.round()
    (one,) = place.view()
    assert (one.state, one.reason) == ("waiting", "KeyError, which is not expected")
    assert "secret" not in "".join(place.told)


def test_of_two_senders_one_sends(place):
    place.notice()
    other = place.another()

    class Meanwhile(MemoryMessenger):
        def send(self, message):
            assert other.round() == 0
            return super().send(message)

    place.messenger = Meanwhile()
    assert place.sender.round() == 1
    assert len(place.messenger.taken) == 1
    assert place.attempts() == ["begun", "sent"]


def test_a_sender_that_looked_before_another_began_leaves_the_notice_to_it(place):
    place.notice()
    late = place.another()
    stale = Outbox().catch_up(place.workspace.ledger)
    assert place.sender.round() == 1
    late._outbox = stale
    late._outbox.catch_up = lambda ledger: stale
    assert late.round() == 0
    assert len(place.messenger.taken) == 1


def test_who_was_killed_while_sending_is_followed_by_another_after_a_while(place):
    ref = place.notice()
    place.messenger.errors = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        place.sender.round()
    assert [one.state for one in place.view()] == ["sending"]
    assert place.after(LEASE - timedelta(seconds=1)) == 0
    assert place.after(timedelta(seconds=1)) == 1
    assert [message.id for message in place.messenger.taken] == [ref.digest]
    assert [(one.state, one.attempts) for one in place.view()] == [("sent", 2)]


def test_a_message_that_was_taken_is_not_sent_again_because_a_disk_was_full(place):
    place.notice()
    store = place.workspace.ledger.store
    place.workspace.ledger.store = Failing(store, "append", Unavailable("the disk is full"), call=2)
    with pytest.raises(Unavailable):
        place.sender.round()
    assert len(place.messenger.taken) == 1
    assert place.after(2 * LEASE) == 0
    assert [one.state for one in place.view()] == ["sent"]
    assert len(place.messenger.taken) == 1


def test_without_a_mail_server_mail_waits_and_says_for_what(place):
    (place.folder / SETTINGS).write_text("")
    place.notice()
    assert place.sender.round() == 0
    (one,) = place.view()
    assert one.state == "waiting"
    assert one.reason == "no mail server is named: write smtp and sender under [notices] into trimaran.toml"
    assert place.attempts() == []
    (place.folder / SETTINGS).write_text(MAIL.format(port=25))
    assert place.sender.round() == 1


def test_a_target_that_would_be_refused_today_is_given_up_and_never_shown(place):
    place.notice(to="json://me:secret-123@example.com")
    place.sender.round()
    (one,) = place.view()
    assert (one.state, one.to) == ("failed", "json:…")
    assert "nothing is known to bring notices to json:" in one.reason
    assert "secret" not in one.reason + "".join(place.told)


def test_of_a_replayed_year_nothing_is_sent(place):
    place.notice()
    SharedClock(place.folder / CLOCK, NOW)
    workspace = Workspace(place.folder)
    sender = Sender(workspace, place.told.append, messenger_of=lambda target, settings: place.messenger)
    assert sender.idle
    assert sender.round() == 0
    (one,) = notices(Book.open(workspace, "p"))
    assert one.state == "unsent"
    assert "replayed clock" in one.reason
    assert place.messenger.taken == []
    assert place.attempts() == []


def test_notices_that_came_with_a_bundle_are_not_sent_from_here(place):
    place.notice(key="import:bundle:p:notice:1")
    assert place.sender.round() == 0
    assert [one.state for one in place.view()] == ["unsent"]


def test_a_ledger_that_is_away_is_told_and_the_loop_goes_on(place):
    place.notice()
    stop = Event()

    class Stopping(MemoryMessenger):
        def send(self, message):
            stop.set()
            return super().send(message)

    place.messenger = Stopping()
    place.workspace.ledger.store = Failing(place.workspace.ledger.store, "scan", OSError("away"))
    place.sender.keep(stop, timedelta(milliseconds=1))
    assert place.told == ["notices cannot be sent: OSError, which is not expected"]
    assert len(place.messenger.taken) == 1


def test_a_variable_that_is_not_set_is_told_by_its_name(place):
    place.notice(to="slack://{TRIMARAN_TEST_NOWHERE}")
    assert Sender(place.workspace, place.told.append).round() == 0
    (one,) = place.view()
    assert one.reason == "TRIMARAN_TEST_NOWHERE is not set in the environment of the process that sends"


def test_a_webhook_gets_the_entry_as_a_cloud_event(place, monkeypatch):
    host = PostHost()
    monkeypatch.setenv("TRIMARAN_TEST_HOOK", f"http://127.0.0.1:{host.port}/hooks/tok3n-123")
    ref = place.notice(to="http://{TRIMARAN_TEST_HOOK}")
    host.status = 503
    sender = Sender(place.workspace, place.told.append)
    sender.round()
    host.status = 204
    place.clock.set(NOW + WAITS[0])
    assert sender.round() == 1
    host.leave()
    ((path, _, body),) = host.posts
    assert path == "/hooks/tok3n-123"
    assert f'"id":"{ref.digest}"'.encode() in body
    everything = b"".join(path.read_bytes() for path in place.folder.rglob("*") if path.is_file())
    assert b"tok3n" not in everything
    assert "tok3n" not in "".join(place.told) + str(place.view())


KILLED = """
import sys
from pathlib import Path
from trimaran.app.sending import Sender
from trimaran.app.workspace import Workspace
from trimaran.core.clock import ManualClock
from datetime import UTC, datetime
workspace = Workspace(Path(sys.argv[1]), clock=ManualClock(datetime(2013, 7, 1, tzinfo=UTC)))
print(Sender(workspace, print).round())
"""


def test_killed_between_the_mail_and_the_record_it_is_sent_again_under_the_same_id(place):
    ref = place.notice()
    host = MailHost()
    (place.folder / SETTINGS).write_text(MAIL.format(port=host.port))
    child = []
    host.on_taken = lambda: os.kill(child[0].pid, signal.SIGKILL)
    with subprocess.Popen([sys.executable, "-c", KILLED, str(place.folder)], stdout=subprocess.PIPE) as process:
        child.append(process)
        assert process.wait(60) == -signal.SIGKILL
    host.on_taken = lambda: None
    place.clock.set(NOW + LEASE)
    assert Sender(place.workspace, place.told.append).round() == 1
    host.leave()
    first, again = host.received
    assert first["Message-ID"] == again["Message-ID"] == f"<{ref.digest[:40]}@trimaran>"
    assert [(one.state, one.attempts) for one in place.view()] == [("sent", 2)]


def test_a_thousand_notices_cost_seconds(place):
    for number in range(1000):
        place.notice(f"{number}")
    assert place.sender.round() == 1000
    assert len({message.id for message in place.messenger.taken}) == 1000
    assert place.another().round() == 0
