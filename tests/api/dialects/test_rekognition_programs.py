"""Programs for AWS, unmodified: the AWS CLI, and a script; address and key come from the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.dialects.rekognition_server import ID, SECRET, serving
from tests.pictures import drawn_photo
from tests.waiting import patient

AWS = Path(sys.executable).with_name("aws")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a program of this environment as of a user of AWS who set another address."""
    folder = tmp_path_factory.mktemp("programs")
    for name, photo in (("anna", drawn_photo(1)), ("both", drawn_photo(2, 1)), ("nobody", drawn_photo())):
        folder.joinpath(f"{name}.png").write_bytes(photo)
    with serving(tmp_path_factory.mktemp("served")) as (_, url):
        variables = {
            "AWS_ENDPOINT_URL_REKOGNITION": url,
            "AWS_ACCESS_KEY_ID": ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        }

        def started(*command: object) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [str(part) for part in command],
                cwd=folder,
                env=os.environ | variables,
                capture_output=True,
                text=True,
                timeout=patient(60),
                check=False,
            )

        yield started


def aws(run: Run, operation: str, *options: str) -> Any:
    done = run(sys.executable, AWS, "rekognition", operation, *options, "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_aws_cli(run: Run) -> None:
    staff = ("--collection-id", "staff")
    assert aws(run, "create-collection", *staff)["StatusCode"] == 200
    image = ("--image-bytes", "fileb://anna.png", "--quality-filter", "NONE")
    (record,) = aws(run, "index-faces", *staff, *image, "--external-image-id", "anna")["FaceRecords"]
    found = aws(run, "search-faces-by-image", *staff, "--image-bytes", "fileb://anna.png")["FaceMatches"]
    assert [line["Face"] for line in found] == [record["Face"]]
    assert aws(run, "describe-collection", *staff)["FaceCount"] == 1


def test_the_aws_cli_names_what_was_refused(run: Run) -> None:
    refused = run(sys.executable, AWS, "rekognition", "detect-labels", "--image-bytes", "fileb://anna.png")
    assert refused.returncode == 255
    assert "(UnknownOperationException) when calling the DetectLabels operation" in refused.stderr


def test_a_script_in_the_style_of_the_documentation(run: Run) -> None:
    script = Path(__file__).with_name("rekognition_script.py")
    done = run(sys.executable, script, "anna.png", "both.png")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("The face at 0.35 0.09 matches with")
    assert lines[1:] == ["Face matches: 1", "Faces indexed: 1", "Found: []"]  # Anna is not the largest face
