"""Files on a disk that has room for them, and on one that has not."""

import os
import shutil
import subprocess
import sys

import pytest

from leoclr_plugin.errors import UserError
from leoclr_plugin.files import read_json, read_text, whole_file, write_json, write_text
from tests.conftest import ASCII, ROOT, full_disk


def test_a_file_has_its_name_once_it_is_whole(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("former")
    with whole_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "former"
        assert part.name == path.name
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_former_file(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("former")
    with full_disk(), pytest.raises(UserError) as told:
        write_text(path, 5000 * "new")
    assert (
        str(told.value) == f"{path}: File too large; check the path, its permissions and the disk"
    )
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "former"


def test_a_block_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "table.txt") as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}/none/a.txt: No such file or directory; check"):
        write_text(tmp_path / "none" / "a.txt", "new")


def test_a_folder_in_the_files_place(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(UserError, match=f"{tmp_path}/a.txt: Is a directory; check"):
        write_text(tmp_path / "a.txt", "new")


def test_what_a_file_is_made_of_is_not_the_file(tmp_path):
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


def test_text_is_utf_8_and_a_path_keeps_its_bytes(tmp_path):
    text = "1 ± 2 " + os.fsdecode(b"\xe9.jpg")
    write_text(tmp_path / "a.txt", text)
    assert (tmp_path / "a.txt").read_bytes() == "1 ± 2 ".encode() + b"\xe9.jpg"
    assert read_text(tmp_path / "a.txt") == text


def test_text_is_utf_8_where_the_locale_is_not(tmp_path):
    code = (
        "import sys, pathlib; from leoclr_plugin.files import read_text, write_text; "
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


@pytest.mark.parametrize("kept", [b"", b'{"top1": 69.', b"\xe9"])
def test_json_that_was_cut_off_is_named(tmp_path, kept):
    path = tmp_path / "a.json"
    path.write_bytes(kept)
    with pytest.raises(UserError, match=f"^{path} is damaged: .*line 1 column"):
        read_json(path)


def test_a_link_leads_where_it_led(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "a.txt"
    link.symlink_to("there/b.txt")
    write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "there" / "b.txt").read_text() == "new"


def test_a_pipe_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert pipe.is_fifo()
