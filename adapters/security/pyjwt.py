"""Import PyJWT without cryptography unless there are asymmetric keys.

PyJWT imports cryptography whenever it is installed, which costs a process 10 MiB and 0.1 s.
"""

import sys
from importlib import import_module
from typing import Any, Final

from libraries.lean_imports import hidden

_PYJWT: Final = "jwt"
_CRYPTOGRAPHY: Final = "cryptography"


def pyjwt(*, asymmetric: bool) -> Any:
    """Return PyJWT. With `asymmetric`, it supports asymmetric algorithms.

    Callers have to use the returned module, because an earlier call may have imported another copy.
    """
    loaded = sys.modules.get(_PYJWT)
    if loaded is None:
        loaded = _imported() if asymmetric else _imported_without_cryptography()
    elif asymmetric and not loaded.algorithms.has_crypto:
        _forget()
        loaded = _imported()
    return loaded


def _imported() -> Any:
    return import_module(_PYJWT)


def _imported_without_cryptography() -> Any:
    with hidden(_CRYPTOGRAPHY):
        return _imported()


def _forget() -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == _PYJWT]:
        del sys.modules[name]
