"""Signs in the source of a page that it stands in for another: a challenge, a block, a consent wall. Pure.

Only short texts are looked at: every long page may carry the scripts of such services.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from storage.records import Text

SHORT_CHARACTERS: Final = 1500
LOOKED_AT: Final = 200_000
"""Characters of the source that are looked at."""
_SIGNS: Final = {
    "challenge": re.compile(
        r"cf-chl|cf_chl_|challenge-platform|/cdn-cgi/challenge|g-recaptcha|h-captcha|hcaptcha\.com|cf-turnstile|"
        r"geetest|captcha-delivery\.com|aliyun_waf|_Incapsula_Resource|px-captcha|awswaf|challenge-form",
        re.IGNORECASE,
    ),
    "refresh": re.compile(r"<meta[^<>]{1,200}http-equiv\s*=\s*[\"']?refresh", re.IGNORECASE),
}


def hints_in(page: str, text: Text) -> tuple[str, ...]:
    """Names of the signs found in the source of a page with a short text; nothing for a long one."""
    if len(text.text) > SHORT_CHARACTERS:
        return ()
    return tuple(name for name, sign in _SIGNS.items() if sign.search(page, 0, LOOKED_AT))
