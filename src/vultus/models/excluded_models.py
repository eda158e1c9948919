"""Names of well-known models that Vultus does not serve because of their licences, each with the reason.

An operator who has the right to use such a model can serve it under another name, with a card and an ONNX file of
their own.
"""

from __future__ import annotations

import re

_INSIGHTFACE = (
    "InsightFace releases its pretrained models for non-commercial research only; "
    "commercial use needs a licence of its own from insightface.ai"
)
_UNCLEARED = "its weights have not been cleared for commercial use: the licence published with them is that of the code"

# VGG-Face, ArcFace: DeepFace Cloud excludes them for these reasons (docs.deepface.dev/models-and-licensing).
# VGG-Face: github.com/serengil/deepface/issues/136. InsightFace: github.com/deepinsight/insightface/issues/2587.
# GhostFaceNet: github.com/HamadYA/GhostFaceNets/issues/23. DeepFace, DeepID: not among those DeepFace Cloud reviewed.
_REASONS = {
    "VGG-Face": "its weights are licensed for non-commercial research only",
    "ArcFace": _INSIGHTFACE,
    "Buffalo_L": _INSIGHTFACE,
    "Buffalo_M": _INSIGHTFACE,
    "Buffalo_S": _INSIGHTFACE,
    "Buffalo_SC": _INSIGHTFACE,
    "AntelopeV2": _INSIGHTFACE,
    "GhostFaceNet": "no licence of its weights is known; asked for it, their author names none",
    "DeepFace": _UNCLEARED,
    "DeepID": _UNCLEARED,
}
_OTHER_NAMES = {"Antelope": "AntelopeV2", "FbDeepFace": "DeepFace", "InsightFace": "ArcFace"}


def refusal(name: str) -> str | None:
    """The reason why a model of this name is not served, as a sentence; None for any other name.

    Letter case, hyphens, underscores and spaces are ignored: "vggface" is "VGG-Face".
    """
    title = _TITLES.get(_plain(name))
    if title is None:
        return None
    return f"{title} is not served: {_REASONS[title]}; use another model, or bring your own licensed ONNX file and card"


def _plain(name: str) -> str:
    return re.sub(r"[-_\s]", "", name.casefold())


_TITLES = {_plain(title): title for title in _REASONS} | {_plain(name): title for name, title in _OTHER_NAMES.items()}
