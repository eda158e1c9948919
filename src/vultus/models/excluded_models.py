"""Well-known models that Vultus does not serve, most for their licences: by name, with the reason, and by digest.

A name may stand for other weights too: an operator who has the right to use a model of such a name can serve it under
another one, with a card and an ONNX file of their own. A digest is the file itself: it is refused whatever a card, or
the licence tag of the hub that it came from, says of it.
"""

from __future__ import annotations

import re

from vultus.errors import ModelInvalid

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
# No digest of its ONNX file is published; OpenFace's own file is Torch's, github.com/cmusatyalab/openface.
_NOT_CONVERTED = {"OpenFace": "it is published as Torch and Keras files, which Vultus does not convert"}
_OTHER_NAMES = {"Antelope": "AntelopeV2", "FbDeepFace": "DeepFace", "InsightFace": "ArcFace"}

# SHA-256 of the files in InsightFace's model packs (its release v0.7), recorded alike by several projects that do not
# depend on each other; packs hold one file under two names. Repositories elsewhere hold copies under other licences.
_INSIGHTFACE_FILES = {
    "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91": "det_10g.onnx (scrfd_10g_bnkps.onnx)",
    "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9": "det_2.5g.onnx",
    "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a": "det_500m.onnx",
    "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf": "glintr100.onnx",
    "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43": "w600k_r50.onnx",
    "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f": "w600k_mbf.onnx",
    "df5c06b8a0c12e422b2ed8947b8869faa4105387f199c477af038aa01f9a45cc": "1k3d68.onnx",
    "f001b856447c413801ef5c42091ed0cd516fcd21f2d6b79635b1e733a7109dbf": "2d106det.onnx",
    "4fde69b1c810857b88c64a335084f1c3fe8f01246c9a191b48c7bb756d6652fb": "genderage.onnx",
}


def refuse_excluded(sha256: str | None) -> None:
    """Raises: ModelInvalid when a file of this SHA-256 is one that is not served; None and all others pass."""
    name = _INSIGHTFACE_FILES.get((sha256 or "").lower())
    if name is not None:
        raise ModelInvalid(
            f"the file of SHA-256 {str(sha256)[:12]}... is InsightFace's {name} and not served, whatever it is called "
            f"and whatever its card says: {_INSIGHTFACE}; remove it, or its card, and use another model"
        )


def refusal(name: str) -> str | None:
    """The reason why a model of this name is not served, as a sentence; None for any other name.

    Letter case, hyphens, underscores and spaces are ignored: "vggface" is "VGG-Face".
    """
    title = _TITLES.get(_plain(name))
    if title is None:
        return None
    return f"{title} is not served: {_REASONS[title]}; use another model, or bring your own licensed ONNX file and card"


def not_converted(name: str) -> str | None:
    """Why a model of this name, which its licence would allow, cannot be installed; None for any other name."""
    title = next((title for title in _NOT_CONVERTED if _plain(title) == _plain(name)), None)
    if title is None:
        return None
    return f"{title} cannot be installed, as {_NOT_CONVERTED[title]}; use another model, or bring an ONNX file and card"


def _plain(name: str) -> str:
    return re.sub(r"[-_\s]", "", name.casefold())


_TITLES = {_plain(title): title for title in _REASONS} | {_plain(name): title for name, title in _OTHER_NAMES.items()}
