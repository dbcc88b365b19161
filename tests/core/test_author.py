import polars as pl
import pytest

from trimaran.core.author import call_author
from trimaran.core.errors import InputError, UserCodeError


def test_an_authors_error_shows_their_own_lines_and_none_of_ours():
    def fit(rows):
        return rows.select("wnd")

    with pytest.raises(UserCodeError) as caught:
        call_author(fit, pl.DataFrame({"wind": [1]}))
    text = str(caught.value)
    assert 'rows.select("wnd")' in text
    assert "ColumnNotFoundError" in text
    assert "/trimaran/build/" not in text
    assert "site-packages" not in text


def test_the_cause_is_kept():
    with pytest.raises(UserCodeError) as caught:
        call_author(lambda: 1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_our_own_errors_pass_through():
    def refuses():
        raise InputError("row", [])

    with pytest.raises(InputError):
        call_author(refuses)


def test_an_interrupt_is_not_an_authors_error():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call_author(interrupted)
