"""Files are written completely or not at all, also on a full disk."""

import os
import shutil
import subprocess
import sys

import pytest

from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import read_json, read_text, whole_file, write_json, write_text
from tests.conftest import ASCII, ROOT, full_disk


def test_file_is_replaced_only_when_it_is_complete(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("old")
    with whole_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.name == path.name
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("old")
    with full_disk(), pytest.raises(UserError) as error:
        write_text(path, 5000 * "new")
    assert (
        str(error.value) == f"{path}: File too large; check the path, its permissions and the disk"
    )
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "old"


def test_block_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "table.txt") as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_missing_folder_is_reported(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}/none/a.txt: No such file or directory; check"):
        write_text(tmp_path / "none" / "a.txt", "new")


def test_folder_with_the_name_of_the_file_is_reported(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(UserError, match=f"{tmp_path}/a.txt: Is a directory; check"):
        write_text(tmp_path / "a.txt", "new")


def test_error_of_a_source_file_is_not_reported_for_the_copy(tmp_path):
    copy, source = tmp_path / "copy", tmp_path / "source"
    with pytest.raises(FileNotFoundError), whole_file(copy) as part:
        shutil.copyfile(source, part)
    source.write_bytes(bytes(5000))
    with (
        full_disk(),
        pytest.raises(UserError, match=f"{copy}: File too large"),
        whole_file(copy) as part,
    ):
        shutil.copyfile(source, part)


def test_text_is_utf_8_and_keeps_other_bytes_of_a_path(tmp_path):
    text = "1 ± 2 " + os.fsdecode(b"\xe9.jpg")
    write_text(tmp_path / "a.txt", text)
    assert (tmp_path / "a.txt").read_bytes() == "1 ± 2 ".encode() + b"\xe9.jpg"
    assert read_text(tmp_path / "a.txt") == text


def test_text_is_utf_8_in_another_locale(tmp_path):
    code = (
        "import sys, pathlib; from leoclr_plugin.system.files import read_text, write_text; "
        r"path = pathlib.Path(sys.argv[1]); write_text(path, '\xb1'); "
        r"assert read_text(path) == '\xb1'"
    )
    path = tmp_path / "a.txt"
    command = [sys.executable, "-c", code, str(path)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **ASCII})
    assert path.read_bytes() == "±".encode()


def test_json_is_read_as_it_was_written(tmp_path):
    content = {"top1": 69.66, "limits": ["±"], "seed": None}
    write_json(tmp_path / "a.json", content)
    assert (tmp_path / "a.json").read_text().endswith("\n}\n")
    assert read_json(tmp_path / "a.json") == content


@pytest.mark.parametrize("content", [b"", b'{"top1": 69.', b"\xe9"])
def test_damaged_json_is_reported_with_its_path(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^{path} is damaged: .*(line 1 column|utf-8|no names)"):
        read_json(path)


def test_symbolic_link_is_kept_and_its_target_written(tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "a.txt"
    link.symlink_to("folder/b.txt")
    write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "folder" / "b.txt").read_text() == "new"


def test_pipe_is_kept_and_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert pipe.is_fifo()
