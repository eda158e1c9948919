"""The detectors by the decoder that a model card names: how each is built from the networks of its card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from vultus.errors import ModelInvalid
from vultus.vision.compute_slots import ComputeSlots
from vultus.vision.detect import Detector, YuNet
from vultus.vision.mtcnn import MTCNN, ONet
from vultus.vision.session import Session, SpreadSession

# Detectors that clients of DeepFace name (deepface/modules/modeling.py, MIT) and the default one answers for. "skip" is
# none of them: it means no detection, which is enforce_detection=false of a photo without a face, or a crop.
STOOD_IN_FOR = (
    *("opencv", "retinaface", "ssd", "dlib", "mediapipe", "fastmtcnn", "centerface", "yolov8"),
    *(f"{family}{size}" for family in ("yolov8", "yolov11", "yolov12") for size in "nsml"),
)
REFINER = ("mtcnn", "onet")  # the model and its file that estimate the landmarks of YuNet's faces again


class DetectorNetworks:
    """Loads the networks of detectors, each file once, also when two detectors use it."""

    def __init__(self, path: Callable[[str, str], Path], slots: ComputeSlots) -> None:
        """path: (model id, file name) -> the verified file."""
        self._path = path
        self._slots = slots
        self._loaded: dict[tuple[str, str], Session] = {}

    def session(self, model_id: str, file: str) -> Session:
        """The network in one thread. Raises: ModelNotInstalled, ModelInvalid."""
        key = (model_id, file)
        if key not in self._loaded:
            self._loaded[key] = Session(self._path(*key))
        return self._loaded[key]

    def spread_session(self, model_id: str, file: str) -> SpreadSession:
        """The network in one thread or several. Raises: ModelNotInstalled, ModelInvalid."""
        return SpreadSession(self._path(model_id, file), self._slots)


def _yunet(model_id: str, networks: DetectorNetworks) -> Detector:
    return YuNet(networks.spread_session(model_id, "detector"), refiner=ONet(networks.session(*REFINER)))


def _mtcnn(model_id: str, networks: DetectorNetworks) -> Detector:
    pnet, rnet, onet = (networks.session(model_id, file) for file in ("pnet", "rnet", "onet"))
    return MTCNN(pnet, rnet, ONet(onet))


# In the order in which the detectors are listed.
DECODERS: Mapping[str, Callable[[str, DetectorNetworks], Detector]] = {"yunet": _yunet, "mtcnn": _mtcnn}


def open_detectors(decoders: Mapping[str, str], networks: DetectorNetworks) -> dict[str, Detector]:
    """The detectors by model id, loaded. decoders: model id -> name of its decoder.

    Raises: ModelInvalid for a decoder that there is not, or a file that is no network; ModelNotInstalled.
    """
    check_decoders(decoders)
    return {model_id: DECODERS[decoder](model_id, networks) for model_id, decoder in decoders.items()}


def check_decoders(decoders: Mapping[str, str]) -> None:
    """Raises: ModelInvalid when a model card names a decoder that there is not."""
    for model_id, decoder in decoders.items():
        if decoder not in DECODERS:
            known = ", ".join(DECODERS)
            raise ModelInvalid(f"the card of {model_id} names the decoder {decoder!r}; use one of: {known}")
