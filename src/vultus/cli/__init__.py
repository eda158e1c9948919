"""The command line: `vultus COMMAND`."""

import sys


def main() -> None:
    """The `vultus` script."""
    try:
        from vultus.cli.command_table import app  # here, so that Ctrl-C while it is imported is no traceback either

        app(prog_name="vultus")
    except KeyboardInterrupt:
        sys.exit(130)
