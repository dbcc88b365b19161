"""The settings of a workspace: all faults at once, and no password in the file."""

import pytest

from trimaran.app.settings import SETTINGS, Settings, read_settings
from trimaran.core.errors import InputError


def told(root, text):
    (root / SETTINGS).write_text(text, encoding="utf-8")
    return read_settings(root)


def faults_of(root, text):
    with pytest.raises(InputError) as caught:
        told(root, text)
    return {fault.where: fault.what for fault in caught.value.faults}, str(caught.value)


def test_a_workspace_without_settings_has_the_defaults(tmp_path):
    assert read_settings(tmp_path) == Settings()
    assert told(tmp_path, "") == told(tmp_path, "[ledger]") == Settings()


def test_the_ledger_can_be_in_postgresql(tmp_path):
    assert told(tmp_path, '[ledger]\nurl = "postgresql://me@h:5433/db?sslmode=require"').ledger.url.startswith(
        "postgresql://me@h"
    )
    assert told(tmp_path, '[ledger]\nurl = "postgresql:///db?host=/run/pg"').ledger.url.endswith("/run/pg")


@pytest.mark.parametrize("url", ["postgresql://me:hunter2@h/db", "postgresql://h/db?user=me&PASSWORD=hunter2"])
def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path, url):
    faults, message = faults_of(tmp_path, f'[ledger]\nurl = "{url}"')
    assert "password" in faults["ledger.url"]
    assert "TRIMARAN_LEDGER_PASSWORD" in message
    assert "hunter2" not in message


def test_every_fault_is_told_at_once(tmp_path):
    faults, message = faults_of(tmp_path, '[leger]\nurl = "x"\n[ledger]\nurl = 3\npool = 1')
    assert set(faults) == {"leger", "ledger.url", "ledger.pool"}
    assert "choose one of: ledger" in message


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[ledger]\nurl = "mysql://h/db"', "ledger.url"),
        ('[ledger]\nurl = "postgresql://h"', "ledger.url"),
        ('[ledger]\nurl = "postgresql://[h/db"', "ledger.url"),
        ('ledger = "postgresql://h/db"', "ledger"),
        ("[ledger", ""),
    ],
)
def test_a_value_that_cannot_be_used_is_named(tmp_path, text, where):
    assert set(faults_of(tmp_path, text)[0]) == {where}


def test_features_by_key_can_be_in_redis(tmp_path):
    assert told(tmp_path, '[online]\nurl = "rediss://h:6380/2"').online.url == "rediss://h:6380/2"


@pytest.mark.parametrize(
    "url", ["redis://:hunter2@h/0", "redis://me:hunter2@h", "redis://h/0?password=hunter2", "http://h", "redis:///0"]
)
def test_what_is_no_redis_or_has_a_password_is_refused_and_not_repeated(tmp_path, url):
    faults, message = faults_of(tmp_path, f'[online]\nurl = "{url}"\nprefix = "a{{b"')
    assert set(faults) == {"online.url", "online.prefix"}
    assert "TRIMARAN_ONLINE_PASSWORD" in message
    assert "hunter2" not in message


def test_memory_is_said_as_people_say_it(tmp_path):
    assert told(tmp_path, "").computing.bytes is None
    assert told(tmp_path, '[computing]\nmemory = "2GB"').computing.bytes == 2_000_000_000
    assert told(tmp_path, '[computing]\nmemory = "1.5 TB"').computing.bytes == 1_500_000_000_000


def test_a_cluster_can_be_named(tmp_path):
    for address in ("", "auto", "local", "head.example.com:6379", "[::1]:6379"):
        assert told(tmp_path, f'[computing]\nengine = "ray"\naddress = "{address}"').computing.address == address


def test_every_fault_of_computing_is_told(tmp_path):
    faults, message = faults_of(tmp_path, '[computing]\nmemory = "2 apples"\naddress = "ray://h"')
    assert set(faults) == {"computing.memory", "computing.address"}
    assert "like 2GB" in message
    assert "host:port" in message
    assert set(faults_of(tmp_path, '[computing]\nmemory = "10MB"')[0]) == {"computing.memory"}
    assert set(faults_of(tmp_path, '[computing]\nengine = "spark"')[0]) == {"computing.engine"}


def test_the_mail_server_of_notices_is_named_without_a_password(tmp_path):
    found = told(tmp_path, '[notices]\nsmtp = "smtps://me@mail.example.com"\nsender = "trimaran@example.com"').notices
    assert (found.smtp, found.sender) == ("smtps://me@mail.example.com", "trimaran@example.com")
    faults, message = faults_of(tmp_path, '[notices]\nsmtp = "smtp://me:hunter2@mail.example.com"\nsender = "me"')
    assert set(faults) == {"notices.smtp", "notices.sender"}
    assert "TRIMARAN_SMTP_PASSWORD" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "smtp", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://h:0", "smtp://h/x", "smtp://["]
)
def test_what_is_no_mail_server_is_refused(tmp_path, smtp):
    assert set(faults_of(tmp_path, f'[notices]\nsmtp = "{smtp}"\nsender = "a@example.com"')[0]) == {"notices.smtp"}
