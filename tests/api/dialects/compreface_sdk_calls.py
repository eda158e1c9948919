"""Calls the service by compreface-sdk alone: a program for the environment of that package, without ours.

Reads {"port", "keys", "photos"} from standard input, the photos as paths; writes what each call returned as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    from compreface import CompreFace  # type: ignore[import-not-found]

    given = json.load(sys.stdin)
    photos, keys = given["photos"], given["keys"]
    client = CompreFace("http://127.0.0.1", str(given["port"]))
    recognition = client.init_face_recognition(keys["compreface-recognition"])
    detection = client.init_face_detection(keys["compreface-detection"])
    verification = client.init_face_verification(keys["compreface-verification"])
    collection, subjects = recognition.get_face_collection(), recognition.get_subjects()
    said: dict[str, Any] = {}

    said["subject"] = subjects.add("Zoë Ångström")
    said["twice"] = subjects.add("zoë ångström")
    said["renamed"] = subjects.update("Zoë Ångström", "zoe")
    said["slash"] = subjects.add("a/b")
    said["no such path"] = subjects.delete("a/b")
    said["example"] = collection.add(photos["anna"], "anna", {"det_prob_threshold": 0.1})
    with open(photos["bert"], "rb") as file:
        said["example of bytes"] = collection.add(file.read(), "bert")
    said["two faces"] = collection.add(photos["both"], "carl")
    said["no face"] = collection.add(photos["nobody"], "carl")
    said["examples"] = collection.list()
    said["subjects"] = subjects.list()
    options = {"limit": 0, "det_prob_threshold": 0.1, "prediction_count": 2, "status": True}
    said["recognized"] = recognition.recognize(photos["both"], {**options, "face_plugins": "calculator,landmarks,age"})
    said["recognized no face"] = recognition.recognize(photos["nobody"])
    said["verified"] = collection.verify(photos["both"], said["example"]["image_id"], {"limit": 0, "status": False})
    said["detected"] = detection.detect(photos["both"], {"limit": 1, "face_plugins": "landmarks"})
    said["compared"] = verification.verify(photos["anna"], photos["both"], {"limit": 0})
    said["wrong kind"] = client.init_face_recognition(keys["compreface-detection"]).get_subjects().list()
    said["no uuid"] = client.init_face_recognition("not-a-uuid").get_subjects().list()
    said["deleted example"] = collection.delete(said["example"]["image_id"])
    said["deleted again"] = collection.delete(said["example"]["image_id"])
    said["deleted of subject"] = collection.delete_all("bert")
    said["deleted subject"] = subjects.delete("anna")
    said["deleted subjects"] = subjects.delete_all()
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
