"""The files by which Vultus is deployed: sound for the tools that read them, and true to the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from vultus.config import Settings, variable

ROOT = Path(__file__).parents[2]
FILES = [
    ROOT / "Dockerfile",
    ROOT / "compose.yaml",
    *sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file()),
]
SCHEMA = json.loads((Path(__file__).parent / "compose_spec" / "schema.json").read_text("utf-8"))
UNITS = sorted((ROOT / "deploy").glob("*.service")) + sorted((ROOT / "deploy").glob("*.timer"))


@pytest.fixture
def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))


@pytest.fixture
def manifests():
    return {one["kind"]: one for one in yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text("utf-8"))}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path):
    named = set(re.findall(r"VULTUS_[A-Z_]+", path.read_text("utf-8")))
    assert named - {variable(name) for name in Settings.model_fields} == set()


def test_the_program_that_prepares_the_models_of_an_image_finds_its_parts(tmp_path):
    """What `make image` runs is imported by nothing else; the image itself is built with the long forms only."""
    program = [sys.executable, str(ROOT / "deploy" / "image" / "prepare_models.py"), str(tmp_path), "fp16"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.stderr == "PRECISION is 'fp16'; build with PRECISION=int8 or PRECISION=auto\n"


def test_the_compose_file_is_as_the_specification_says(compose):
    validator = jsonschema_rs.validator_for(SCHEMA)
    assert [str(error) for error in validator.iter_errors(compose)] == []
    assert not validator.is_valid(compose | {"services": {"vultus": {"imgae": "vultus"}}})


def test_compose_up_starts_one_server_and_nothing_else(compose):
    assert [name for name, service in compose["services"].items() if "profiles" not in service] == ["vultus"]


def test_whatever_a_service_uses_is_declared(compose):
    for service in compose["services"].values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        assert set(service.get("depends_on", [])) <= set(compose["services"])
        named = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert {name for name in named if not name.startswith(".")} <= set(compose["volumes"])


def test_our_containers_are_read_only_and_without_privileges(compose):
    for name in ("vultus", "replica"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert int(service["stop_grace_period"].rstrip("s")) > Settings().grace_seconds


def test_the_manifests_name_each_other(manifests):
    pod = manifests["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    labels = pod["metadata"]["labels"]
    assert (
        labels == manifests["Deployment"]["spec"]["selector"]["matchLabels"] == manifests["Service"]["spec"]["selector"]
    )
    claims = [volume["persistentVolumeClaim"] for volume in pod["spec"]["volumes"] if "persistentVolumeClaim" in volume]
    assert [claim["claimName"] for claim in claims] == [manifests["PersistentVolumeClaim"]["metadata"]["name"]]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounted) == {volume["name"] for volume in pod["spec"]["volumes"]}
    assert mounted["data"] == dockerfile_env()["VULTUS_DATA_DIR"]
    assert [port["name"] for port in container["ports"]] == [manifests["Service"]["spec"]["ports"][0]["targetPort"]]


def test_the_pod_is_one_server_without_privileges(manifests):
    deployment = manifests["Deployment"]["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert (
        container["readinessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/readiness"
    )
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    assert pod["terminationGracePeriodSeconds"] > Settings().grace_seconds
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == tuple(map(int, user.groups()))


def test_what_the_image_is_built_from_is_sent_to_the_build():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    assert {name for line in copied for name in line.split()} == sent
    assert all((ROOT / name).exists() for name in sent)


def test_the_image_leaves_out_packages_of_the_lock():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked = set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)) | {"setuptools", "pip"}  # that venv brings
    assert left_out() <= locked


def test_the_commands_import_nothing_that_the_image_leaves_out():
    script = (
        "import sys; before = set(sys.modules); from vultus.cli.command_table import COMMANDS, load;"
        "[load(name) for name in COMMANDS];"
        "import vultus.api.app; print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    packages = metadata.packages_distributions()
    found = {name.lower().replace("_", "-") for module in loaded for name in packages.get(module, [])}
    assert "onnxruntime" in found
    assert found & left_out() == set()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_understands_the_unit(unit, tmp_path):
    text = unit.read_text("utf-8").replace("/opt/vultus/.venv/bin/vultus", "/bin/true")  # must exist
    (tmp_path / unit.name).write_text(text, "utf-8")
    for other in UNITS:
        if other != unit:
            shutil.copy(other, tmp_path)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)], capture_output=True, text=True
    )
    assert [line for line in done.stderr.splitlines() if "vultus" in line and ".venv" not in line] == []


@pytest.mark.skipif(shutil.which("nginx") is None or shutil.which("openssl") is None, reason="no nginx or openssl")
def test_nginx_understands_its_file(tmp_path):
    certificate = [
        *("-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test"),
        "-keyout",
        "key.pem",
        "-out",
        "fullchain.pem",
    ]
    subprocess.run(["openssl", "req", "-x509", *certificate], cwd=tmp_path, check=True, capture_output=True)
    text = (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
    text = text.replace("/etc/ssl/vultus", str(tmp_path)).replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "nginx.conf").write_text(text, "utf-8")
    command = ["nginx", "-t", "-c", str(tmp_path / "nginx.conf"), "-g", f"pid {tmp_path}/pid;", "-e", "stderr"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("caddy") is None, reason="no caddy")
def test_caddy_understands_its_file(tmp_path):
    done = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", str(ROOT / "deploy" / "Caddyfile")],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr


def left_out() -> set[str]:
    """The packages that the image leaves out."""
    lines = (ROOT / "deploy" / "image" / "left-out.txt").read_text("utf-8").splitlines()
    return {line.replace("_", "-") for line in lines if line and not line.startswith("#")}


def dockerfile_env() -> dict[str, str]:
    """The settings of the image."""
    return dict(re.findall(r"(VULTUS_\w+)=(\S+)", (ROOT / "Dockerfile").read_text("utf-8")))
