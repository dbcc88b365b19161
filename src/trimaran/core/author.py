"""The boundary to the author's code: whatever it raises comes out as one error with the author's own lines."""

from __future__ import annotations

import site
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trimaran.core.errors import TrimaranError, UserCodeError

_OURS = str(Path(__file__).parents[1])
_INSTALLED = (*site.getsitepackages(), sysconfig.get_path("stdlib"))


def call_author(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call a function of the product; raises ``UserCodeError`` with the author's frames for anything it raises.

    >>> call_author(lambda wind: wind / 2, 3.0)
    1.5
    """
    try:
        return function(*arguments, **named)
    except TrimaranError:
        raise
    except Exception as error:
        raise user_code_error(getattr(function, "__name__", "the function"), error) from error


def user_code_error(name: str, error: BaseException) -> UserCodeError:
    """Return the error that tells an author what their function ``name`` raised, and where in their own files."""
    return UserCodeError(f"{name}() raised {type(error).__name__}; mend it and run again:\n{own_traceback(error)}")


def own_traceback(error: BaseException) -> str:
    """Return the traceback of an error in the author's own files: nothing of ours, nothing of installed packages."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((_OURS, *_INSTALLED))]
    return "".join([*traceback.format_list(own), *traceback.format_exception_only(error)])
