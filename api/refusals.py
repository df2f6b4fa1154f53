"""What the desks refuse, told as problems in the language of the request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from api.problems import FieldFault, Refuse, not_found
from runs.case_desk import ActRefused, NoSuchCase
from runs.who import NotAllowed
from runs.words import speaking
from store.access_log import LogRefused
from store.casework import CaseChanged
from store.engine import StoreRefused

_REASON = {
    "zh": "该内容涉及个人信息,须说明查看理由:请用请求头 X-Reason(UTF-8)或参数 reason。",
    "en": "This is about a person: say why you look, in the header X-Reason or the parameter reason.",
}
_CHANGED = {
    "zh": "该案件在查看之后已有变化,未作任何记录:请重新查看后再操作。",
    "en": "The case was changed since it was looked at, and nothing was recorded: look at it again.",
}


@contextmanager
def as_problems(lang: str) -> Iterator[None]:
    """Speak a language in the block, and raise what a desk refuses there as `Refuse`.

    Who holds a permission nowhere was refused before (`needs`). So what is not allowed here concerns something outside
    an account's reach, and whether that exists is not told.
    """
    try:
        with speaking(lang):
            yield
    except (NoSuchCase, NotAllowed) as error:
        raise not_found() from error
    except ActRefused as error:
        status = 403 if error.code == "not-allowed" else 409
        detail = error.zh if lang == "zh" else error.en
        raise Refuse(status, error.code, detail, more={"possible": [dict(p) for p in error.possible]}) from error
    except CaseChanged as error:
        raise Refuse(412, "stale", _CHANGED[lang]) from error
    except LogRefused as error:
        faults = [FieldFault(where="header.x-reason", message=_REASON["en"])]
        raise Refuse(400, "reason-needed", _REASON[lang], faults) from error
    except StoreRefused as error:
        raise Refuse(409, "refused", str(error)) from error
