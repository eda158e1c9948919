"""Signs a webhook as Standard Webhooks says, so that its receiver can tell who sent it, and when.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, "Signature scheme".
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime

SECRET_PREFIX = "whsec_"


def secrets_of(text: str) -> tuple[bytes, ...]:
    """The secrets of a setting: base64 with or without its prefix, separated by commas."""
    return tuple(b64decode(one.strip().removeprefix(SECRET_PREFIX)) for one in text.split(","))


def signed_headers(message_id: str, at: datetime, body: bytes, secrets: Sequence[bytes]) -> Mapping[str, str]:
    """The three headers of a message; with several secrets it has a signature by each."""
    timestamp = str(int(at.timestamp()))
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = (b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
