"""Which folders lie on another machine: SQLite's locks and shared memory do not work there."""

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_REMOTE = frozenset(
    """
    9p afs beegfs ceph cifs coda davfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs
    smb2 smb3 smbfs vboxsf vmhgfs fuse.ceph fuse.cifs fuse.davfs fuse.davfs2 fuse.gcsfuse
    fuse.glusterfs fuse.rclone fuse.s3fs fuse.smbnetfs fuse.sshfs fuse.vmhgfs-fuse
    """.split()  # noqa: SIM905
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


def network_share(path: Path, mounts: str | None = None) -> str | None:
    """Return the kind of network share that `path` lies on, None for a local disk.

    `mounts` is a table of mounts as Linux has it (proc(5), mountinfo); this machine's if None.
    Where a system has no such table, only Windows shares are known, by their names.
    """
    real = path.resolve()
    if mounts is None:
        if str(real).startswith("\\\\"):
            return "a Windows share"
        if not _MOUNTS.exists():
            return None
        mounts = _MOUNTS.read_text("utf-8", "surrogateescape")
    deepest, kind = -1, None
    for line in mounts.splitlines():
        fields, separator, source = line.partition(" - ")
        columns = fields.split(" ")
        if not separator or len(columns) < 5:
            continue
        point = Path(_ESCAPE.sub(lambda found: chr(int(found[1], 8)), columns[4]))
        if real.is_relative_to(point) and len(point.parts) >= deepest:
            deepest, kind = len(point.parts), source.split(" ")[0]
    return kind if kind in _REMOTE else None
