"""Targets of notices: what is taken, what is refused, and that no secret is ever said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.core.errors import InputError, Unavailable
from trimaran.core.targets import SERVICES, blotted, masked, parse_target

TAKEN = [
    "mailto:ops@example.com",
    "mailto:ops+trimaran@mail.example.com",
    "https://example.com/hook",
    "https://example.com:8443/hooks/{OPS_HOOK}",
    "https://{OPS_HOOK}",
    "http://127.0.0.1:8080",
    "https://[::1]:8080/hook",
    "slack://{OPS_SLACK}",
    "slack://{OPS_SLACK}/#ops",
    "workflows://{OPS_TEAMS}",
    "mmosts://chat.example.com/{OPS_CHAT}",
    "ntfys://ntfy.example.com/@ops",
]
SECRET = "sekrit-0123456789-abcdef"
REFUSED = {
    "": "it is no target",
    "ops": "it is no target",
    "ops@example.com": "write mailto:ops@example.com",
    "mailto:": "it is no target",
    "mailto:ops": "is not one mail address",
    "mailto:a@example.com,b@example.com": "is not one mail address",
    f"mailto:ops@example.com?pass={SECRET}": "is not one mail address",
    f"mailtos://me:{SECRET}@example.com": "nothing is known to bring notices to mailtos:",
    f"slak://{SECRET}": "choose from: mailto, http, https, slack",
    "https:example.com": "nothing follows https://",
    "https://": "nothing follows https://",
    f"https://me:{SECRET}@example.com/": "may be a secret",
    f"https://example.com/?token={SECRET}": "variable of the environment: https://{OPS_HOOK}",
    f"https://hooks.example.com/{SECRET}": "may be a secret",
    f"slack://T1/B2/{SECRET}": "variable of the environment: slack://{OPS_SLACK}",
    f"slack://{{OPS_SLACK}}/{SECRET}": "may be a secret",
    f"mmosts://chat.example.com/{SECRET}": "may be a secret",
    f"mmosts://me:{SECRET}@chat.example.com/{{TOKEN}}": "may be a secret",
    "slack://{ops slack}": "may be a secret",
}


@pytest.mark.parametrize("text", TAKEN)
def test_a_target_is_read_and_written_alike(text):
    assert str(parse_target(text)) == text == masked(text)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_target_or_may_hold_a_secret_is_refused_without_saying_it(text):
    with pytest.raises(InputError) as told:
        parse_target(text)
    assert REFUSED[text] in str(told.value)
    assert SECRET not in str(told.value) + masked(text)


@given(st.sampled_from([*SERVICES, "https", "mailto", "mailtos", "json"]), st.text(min_size=1))
def test_whatever_is_taken_says_the_same_again(scheme, rest):
    try:
        target = parse_target(f"{scheme}://{rest}")
    except InputError:
        return
    assert parse_target(str(target)) == target


def test_secrets_come_from_the_environment_when_they_are_needed():
    target = parse_target("mmosts://chat.example.com/{CHAT}")
    assert target.filled({"CHAT": f" {SECRET}\n"}.get) == (f"mmosts://chat.example.com/{SECRET}", [SECRET])
    with pytest.raises(Unavailable, match="CHAT is not set"):
        target.filled({"CHAT": ""}.get)


def test_a_variable_may_hold_the_whole_url_as_a_service_shows_it():
    whole = "https://hooks.slack.com/services/T1/B2/x"
    assert parse_target("slack://{OPS}").filled({"OPS": whole}.get)[0] == whole
    assert parse_target("https://{OPS}").filled({"OPS": whole}.get)[0] == whole


@pytest.mark.parametrize("said", ["a%20b/1234", "/a%20b/", "?key=1234&x", "a b/1234", "a%20b%2F1234"])
def test_a_secret_is_blotted_out_however_a_url_writes_it(said):
    told = blotted(f"POST {said} failed", ["host.example.com/a%20b/1234?key=1234"])
    assert "1234" not in told
    assert "failed" in told
