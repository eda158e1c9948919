from tests.cli.conftest import run, surroundings

__all__ = ["run", "surroundings"]
