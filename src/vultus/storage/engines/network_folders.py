"""Tells whether a folder is on a network file system, where the locks that SQLite relies on are not sure to hold."""

from __future__ import annotations

from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
NETWORK = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "ncpfs",
    "9p",
    "ceph",
    "glusterfs",
    "lustre",
    "gpfs",
    "beegfs",
}
NETWORK_FUSE = {"sshfs", "glusterfs", "ceph", "s3fs", "gcsfuse", "rclone", "davfs", "davfs2", "curlftpfs", "juicefs"}


def network_file_system(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the network file system that holds the folder; None for a local one, or where it cannot be known.

    mounts: the file in which Linux lists what is mounted. The last mount on the longest path counts.
    """
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    real = folder.resolve()
    found = ("", "")
    for _, point, kind, *_ in (line.split(" ") for line in lines if line.count(" ") >= 2):
        path = point.encode("ascii", "surrogateescape").decode("unicode_escape")  # a space is written as \040
        if real.is_relative_to(path) and len(path) >= len(found[0]):
            found = (path, kind)
    kind = found[1]
    return kind if kind in NETWORK or kind.removeprefix("fuse.") in NETWORK_FUSE else None
