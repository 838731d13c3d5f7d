"""Files of images that name other files, promise too much, or lie about their labels."""

import io

import numpy as np
import pytest

from leoclr_plugin.data.images import UnreadableImage
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.stores.opening import open_store
from leoclr_plugin.data.stores.tar_index import ENDING, index_of
from leoclr_plugin.errors import UserError
from tests.conftest import make_folder, make_image
from tests.sources import WRITERS, hugging_face


def png() -> np.ndarray:
    buffer = io.BytesIO()
    make_image(0, 0).save(buffer, "PNG")
    return np.frombuffer(buffer.getvalue(), np.uint8)


@pytest.fixture
def h5(tmp_path):
    """Write an HDF5 file of one good image ``a/0.png`` and what a function adds."""
    h5py = pytest.importorskip("h5py")

    def write(name, add):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_group("a").create_dataset("0.png", data=png())
            add(file, h5py)
        return str(tmp_path / name)

    return write


def external_bytes(file, h5py):
    """Add an image whose bytes are those of another file."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_external(b"/etc/hostname", 0, 5)
    space = h5py.h5s.create_simple((5,))
    h5py.h5d.create(file["a"].id, b"1.png", h5py.h5t.NATIVE_UINT8, space, properties)


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (external_bytes, "its bytes lie in another file"),
        (
            lambda file, h5py: file["a"].__setitem__(
                "1.png", h5py.ExternalLink("other.h5", "/a/0.png")
            ),
            "its bytes lie in another file",
        ),
        (
            lambda file, h5py: file["a"].create_dataset(
                "1.png", shape=(2**42,), dtype="uint8", chunks=(1024,)
            ),
            "it promises 4398046511104 bytes",
        ),
        (lambda file, h5py: file["a"].__setitem__("1.png", file["a"]), "'Group' object"),
        (lambda file, h5py: file["a"].__setitem__("1.png", h5py.SoftLink("/x")), "not found"),
    ],
    ids=["bytes elsewhere", "link to a file", "huge", "circle", "dangling"],
)
def test_an_image_that_hdf5_does_not_hold_is_refused_by_name(add, message, h5):
    h5("other.h5", lambda file, h5py: None)
    images = Images(open_store({"train_path": h5("a.h5", add)}, "train", labelled=True))
    assert images.decode(0).shape == (40, 40, 3)
    with pytest.raises(UnreadableImage, match=rf"a\.h5/a/1\.png cannot be read: .*{message}"):
        images.decode(1)


@pytest.mark.parametrize("target", ["/x", "/b"])
def test_a_class_of_hdf5_that_leads_nowhere_or_in_a_circle_is_one_line(target, h5):
    path = h5("a.h5", lambda file, h5py: file.__setitem__("b", h5py.SoftLink(target)))
    with pytest.raises(UserError, match=r"a\.h5 is damaged: .*; write it again"):
        open_store({"train_path": path}, "train", labelled=True)


def test_a_class_beyond_the_names_is_refused(tmp_path):
    pytest.importorskip("datasets")
    import pyarrow as pa

    table = hugging_face(make_folder(tmp_path / "images", 1, 2))
    wrong = table.data.table.set_column(1, "label", pa.array([0, 7]))
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.features.arrow_schema) as writer:
        writer.write_table(wrong)
    with pytest.raises(UserError, match="the label 7 is none of its 2 classes"):
        open_store({"train_path": str(tmp_path / "a.arrow")}, "train", labelled=True)


@pytest.mark.parametrize(
    "change",
    [
        {"places": [-1, 5]},
        {"sizes": [2**40, 1]},
        {"sizes": [-4, 1]},
        {"codes": [9, 0]},
        {"places": [512]},
    ],
    ids=str,
)
def test_an_index_that_leads_out_of_its_shard_is_made_again(change, tmp_path):
    WRITERS["tar"](make_folder(tmp_path / "images", 2, 2), tmp_path / "out")
    shard = tmp_path / "out-0.tar"
    expected = index_of(shard, None, None)
    path = shard.with_name(shard.name + ENDING)
    with np.load(path) as kept:
        content = dict(kept)
    with path.open("wb") as file:
        np.savez(file, **{**content, **{k: np.array(v, np.int64) for k, v in change.items()}})
    found = index_of(shard, None, None)
    for name in ("places", "sizes", "codes"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
