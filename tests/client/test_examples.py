"""The examples of the pages run as they stand, against a real server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pictures import drawn_photo
from vultus_client import Client

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "clients" / "python" / "README.md", ROOT / "docs" / "client.md", ROOT / "README.md"]
EXAMPLES = [
    pytest.param(page, example, id=f"{page.parent.name}/{page.name}-{number}")
    for page in PAGES
    for number, example in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the examples name."""
    root = tmp_path_factory.mktemp("examples")
    for name, noise in (("anna1.jpg", 0), ("anna2.jpg", 3), ("door.jpg", 6)):
        (root / name).write_bytes(drawn_photo(61, noise=noise, photo=1))
    (root / "wall.jpg").write_bytes(drawn_photo())
    for person in (62, 63):
        (root / "photos" / str(person)).mkdir(parents=True)
        (root / "photos" / str(person) / "1.jpg").write_bytes(drawn_photo(person))
    return root


def key_of(page: Path, admin: Client) -> str:
    """A key of the scopes that the page makes its own with; the admin's, where it makes none."""
    command = re.search(r"^vultus keys create my-app(.*)$", page.read_text("utf-8"), re.MULTILINE)
    scopes = re.findall(r"--scope (\w+)", command[1]) if command else []
    return admin.keys.create("my-app", scopes=scopes).key if scopes else str(admin._sender.options.key)


@pytest.mark.parametrize(("page", "example"), EXAMPLES)
def test_an_example_runs_as_it_stands(page, example, served, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("VULTUS_URL", served.url)
    monkeypatch.setenv("VULTUS_KEY", key_of(page, served.client()))
    exec(compile(example, "example", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    for call, words in SAYS.items():
        assert call not in example or words in printed


# What an example that makes this call has to print.
SAYS = {
    "print(vultus.find(": "Match(subject='anna', name='Anna'",
    'vultus.verify("door.jpg", subject="anna"):': "welcome",
    "who.name if who": "\nAnna\n",
    "print(report)": "2 of 2 photos",
    'enroll("wall.jpg"': "no face found in the photo",
    "await vultus.enroll_folder(": "2 of 2 photos",
}
