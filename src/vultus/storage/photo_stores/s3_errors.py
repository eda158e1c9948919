"""What object storage refuses, in our words. obstore has few kinds of errors, so some are told by their text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vultus.errors import NotReady, StorageFailed, VultusError

RETRY_AFTER_SECONDS = 5.0
# The first text that is found in an error decides. Each is of S3's error codes, or of obstore 0.12.
_ANOTHER_REGION = "the bucket {bucket} is in another region; name it in AWS_REGION"
_FULL = "the object storage is full, or the quota of the bucket {bucket} is used up; free some space and try again"
_SENTENCES = {
    "<Code>NoSuchBucket": "the bucket {bucket} does not exist; make it, or name another one in VULTUS_PHOTO_URL",
    "incorrectly configured region": _ANOTHER_REGION,
    "<Code>PermanentRedirect": _ANOTHER_REGION,
    "<Code>AuthorizationHeaderMalformed": _ANOTHER_REGION,
    "<Code>InvalidAccessKeyId": "the object storage does not know the access key; see AWS_ACCESS_KEY_ID",
    "<Code>SignatureDoesNotMatch": "the object storage refuses the secret; see AWS_SECRET_ACCESS_KEY",
    "<Code>RequestTimeTooSkewed": "the clock of this machine is not that of the object storage; set it right",
    "status code: 403": "no rights in the bucket {bucket}; allow GetObject, PutObject, DeleteObject and ListBucket",
    "status code: 401": "the object storage wants credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "builder error": "the endpoint is http, which is refused; use https, or AWS_ALLOW_HTTP=true on a private network",
    "status code: 507": _FULL,
    "StorageFull": _FULL,
    "<Code>QuotaExceeded": _FULL,
    "169.254.": "there are no credentials for the object storage; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
}
_AWAY = re.compile(r"HTTP error|status code: (5\d\d|429)|SlowDown")
_CODES = (re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>"), re.compile(r"status code: (\d{3})"))


@contextmanager
def s3_errors(bucket: str, errors: type[Exception], absent: Callable[[], VultusError] | None = None) -> Iterator[None]:
    """Turns what obstore raises into NotReady, where trying again may help, or StorageFailed.

    errors: the base of obstore's. absent: what a missing object means; None: nothing is read by its name.
    """
    try:
        yield
    except (errors, OSError) as exc:
        text = str(exc).split("Debug source", 1)[0]
        if isinstance(exc, FileNotFoundError) and absent is not None and "NoSuchBucket" not in text:
            raise absent() from None
        raise _ours(text, bucket) from None  # not chained: the storage's answer may quote keys


def _ours(text: str, bucket: str) -> VultusError:
    for word, sentence in _SENTENCES.items():
        if word in text:
            return StorageFailed(sentence.format(bucket=bucket))
    if _AWAY.search(text):
        return NotReady("the object storage of the photos does not answer; try again", RETRY_AFTER_SECONDS)
    codes = [found.group(1) for code in _CODES if (found := code.search(text))]
    reason = f"the object storage refused a request about the bucket {bucket} ({codes[0] if codes else 'no code'})"
    return StorageFailed(f"{reason}; see its own log")
