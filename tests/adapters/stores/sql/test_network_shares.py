from pathlib import Path

import pytest

from okng.adapters.stores.sql.network_shares import network_share

LOCAL = "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph"])
def test_a_folder_below_a_share_is_on_it(kind: str) -> None:
    """The deepest mount above a folder decides."""
    mounts = f"{LOCAL}21 20 0:5 / /mnt/share rw - {kind} //server/x rw\n"
    assert network_share(Path("/mnt/share/okng"), mounts) == kind
    assert network_share(Path("/mnt/shared"), mounts) is None


def test_a_local_disk_below_a_share_is_local() -> None:
    """A deeper local mount covers the share."""
    share = "21 20 0:5 / /mnt rw - nfs4 s:/x rw\n"
    mounts = f"{LOCAL}{share}22 21 8:2 / /mnt/disk rw - xfs /dev/sdb rw\n"
    assert network_share(Path("/mnt/disk/okng"), mounts) is None


def test_the_later_of_two_mounts_at_one_place_counts() -> None:
    """What is mounted over something hides it."""
    again = "21 20 8:3 / /mnt rw - ext4 /dev/sdc rw\n22 20 0:5 / /mnt rw - cifs //s/x rw\n"
    assert network_share(Path("/mnt/okng"), LOCAL + again) == "cifs"


def test_blanks_in_mount_points_are_escaped() -> None:
    """Octal escapes of the table are understood; optional fields and odd lines do no harm."""
    odd = "nonsense\n"
    share = "21 20 0:5 / /mnt/my\\040share rw shared:9 master:1 - smb3 //s/x rw\n"
    assert network_share(Path("/mnt/my share/okng"), LOCAL + odd + share) == "smb3"


def test_a_link_to_a_share_is_followed(tmp_path: Path) -> None:
    """The real folder counts, not the path to it."""
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "share")
    mounts = f"{LOCAL}21 20 0:5 / {tmp_path / 'share'} rw - nfs s:/x rw\n"
    assert network_share(tmp_path / "link" / "okng.db", mounts) == "nfs"


def test_this_machine_has_a_table_that_can_be_read(tmp_path: Path) -> None:
    """Without a table given, the machine's own is used; temporary folders are local here."""
    assert network_share(tmp_path) is None
