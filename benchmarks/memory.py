"""Where the resident memory of a server is: when it is ready, and after each call, one client and then eight.

    python -m benchmarks.memory FOLDER [--worst 12]     FOLDER: made by `benchmarks.made_gallery`

MiB resident in all; of those, own: not shared with a file or another process; at the end the largest mappings.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from itertools import count
from pathlib import Path

from benchmarks.endpoints import bodies, send
from benchmarks.photos import Photos
from benchmarks.serving import Server, serving
from benchmarks.timing import Bounds

CALLS = ("/represent", "/find", "/verify")
SETTLED_SECONDS = 4.0  # by then collections are loaded in the background
ANONYMOUS = "anonymous"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--worst", type=int, default=12, help="mappings shown")
    options = parser.parse_args()
    photos = Photos()
    with serving(options.folder) as server:
        _show(server, "ready")
        time.sleep(SETTLED_SECONDS)
        _show(server, "collections loaded")
        for clients, bounds in ((1, Bounds(20, 10)), (8, Bounds(80, 20))):
            for path in CALLS:
                for size in ("640x480", "2 MP"):
                    body, _ = bodies(photos, path, size, bounds.count, count(1_000))
                    send(server, path, body, clients, bounds)
                _show(server, f"{path}, {clients} clients")
        for name, size in mappings(server.pid).most_common(options.worst):
            print(f"{size / 1024:>8.0f}  {name}")


def mappings(pid: int) -> Counter[str]:
    """Resident KiB by the file that is mapped, or by the kind of memory."""
    found, name = Counter[str](), ANONYMOUS
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head, *rest = line.split()
        if not head.endswith(":"):
            name = rest[4] if len(rest) > 4 else ANONYMOUS
        elif head == "Rss:":
            found[name] += int(rest[0])
    return found


def _show(server: Server, moment: str) -> None:
    rollup = Path(f"/proc/{server.pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in rollup}
    own = sizes["Private_Dirty:"] + sizes["Private_Clean:"]
    print(f"{moment:<24} resident {sizes['Rss:']:>6.0f}  own {own:>6.0f}  anonymous {sizes['Anonymous:']:>6.0f}")


if __name__ == "__main__":
    main()
