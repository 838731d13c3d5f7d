"""Each source shows the images of the folder that it was made from."""

import io
import shutil
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from leoclr_plugin.data import sampler
from leoclr_plugin.data.datasets import build_dataset
from leoclr_plugin.data.images import find_unreadable
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.stores import tar_index
from leoclr_plugin.data.stores.files import folder_store
from leoclr_plugin.data.stores.hdf5 import Hdf5Store
from leoclr_plugin.data.stores.names import Names
from leoclr_plugin.data.stores.tar_members import members
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from tests.data.test_loaders import FORMATS, config, epoch, same
from tests.sources import NEEDS, WRITERS, add, class_images, hugging_face


@pytest.fixture(params=WRITERS)
def kind(request, tmp_path, monkeypatch):
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param])
    if request.param == "parquet":
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    return request.param


@pytest.fixture
def written(kind, image_folder, tmp_path):
    """The paths of a source, made from ``image_folder/train``."""
    return WRITERS[kind](image_folder / "train", tmp_path / "source")


def build(path, split="train", **changes):
    paths = {"train_path": path, "val_path": path}
    return build_dataset(OmegaConf.create({"dataset": "custom", **paths, **changes}), split)


def contents(dataset) -> dict[bytes, str]:
    """Return the class of each image by its encoded content."""
    return {
        dataset.read(i).tobytes(): dataset.classes[target]
        for i, target in enumerate(dataset.targets)
    }


def test_images_and_classes_are_those_of_the_folder(kind, written, image_folder):
    folder = build(str(image_folder / "train"))
    dataset = build(written)
    assert dataset.classes == folder.classes
    assert contents(dataset) == contents(folder)
    assert len(dataset) == len(folder) == 40
    # torch warns if it decodes what it may not write to.
    assert dataset.read(0).flags.writeable
    if kind != "folders":
        # Several folders follow one another; the other sources keep the order that they have.
        assert np.array_equal(dataset.targets, folder.targets)
        assert all(np.array_equal(dataset.decode(i), folder.decode(i)) for i in range(len(folder)))


def test_a_list_of_one_folder_is_that_folder(image_folder):
    folder = str(image_folder / "train")
    assert contents(build([folder])) == contents(build(folder))


def test_without_labels_only_the_images_are_read(written):
    unlabelled, labelled = build(written, no_labels=True), build(written)
    assert set(unlabelled.targets) == {-1}
    assert {unlabelled.read(i).tobytes() for i in range(40)} == set(contents(labelled))


def test_a_list_of_names_takes_some_images(written, tmp_path):
    dataset = build(written)
    names = [dataset.name(i) for i in (3, 17, 30)]
    (tmp_path / "names.txt").write_text("\n".join(names))
    listed = build(written, train_list=str(tmp_path / "names.txt"))
    assert list(listed.names) == names
    assert listed.read(1).tobytes() == dataset.read(17).tobytes()


def test_a_resumed_epoch_sees_what_it_would_have_seen(written, tmp_path):
    paths = {"data__train_path": written, "data__val_path": written}
    whole, resumed = (pretrain_loader(prepare(config(tmp_path, **paths, seed=3))) for _ in range(2))
    resumed.batch_sampler.sampler.skipped = 4
    assert same(epoch(whole, 2)[4:], epoch(resumed, 2))


def test_dali_shows_the_views_of_the_folder(kind, written, image_folder, tmp_path):
    pytest.importorskip("nvidia.dali")
    if kind == "folders":
        pytest.skip("the images have another order")
    loaders = [
        pretrain_loader(
            prepare(config(tmp_path, data__train_path=path, data__val_path=path, **FORMATS["dali"]))
        )
        for path in (written, str(image_folder / "train"))
    ]
    assert same(*(epoch(loader) for loader in loaders))


def test_validation_classes_have_the_numbers_of_the_training(kind, image_folder, tmp_path):
    for name, classes in (("train", "01234"), ("val", "024")):
        for number in classes:
            source = image_folder / "train" / f"class{number}"
            shutil.copytree(source, tmp_path / "made" / name / source.name)
    paths = {
        f"{name}_path": WRITERS[kind](tmp_path / "made" / name, tmp_path / name)
        for name in ("train", "val")
    }
    val = build_dataset(OmegaConf.create({"dataset": "custom", **paths}), "val")
    assert sorted(set(val.targets)) == [0, 2, 4]


def test_damaged_image_is_found_by_the_name_of_its_entry(kind, image_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(image_folder / "train", copy)
    damaged = class_images(copy)[13][1]
    damaged.write_bytes(damaged.read_bytes()[:60])
    written = WRITERS[kind](copy, tmp_path / "source")
    dataset = build(written)
    ((index, reason),) = find_unreadable(dataset).items()
    assert dataset.read(index).tobytes() == damaged.read_bytes()
    assert reason
    name = dataset.name(index)
    assert name.startswith(str(tmp_path))
    paths = {"data__train_path": written, "data__val_path": None}
    with pytest.raises(UserError) as caught:
        epoch(pretrain_loader(prepare(config(tmp_path, **paths))))
    assert str(caught.value).startswith(f"1 of 40 images cannot be read, the first is {name}: ")


def test_two_processes_see_each_image_once(written, tmp_path, monkeypatch):
    seen = []
    for rank in range(2):
        monkeypatch.setattr(sampler, "rank_and_world", lambda rank=rank: (rank, 2))
        cfg = prepare(config(tmp_path, data__train_path=written, data__val_path=None))
        seen += [index for batch in epoch(pretrain_loader(cfg)) for index in batch[0].tolist()]
    assert sorted(seen) == list(range(40))


def no_groups(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((3, 8, 8, 3), "uint8")


def decoded_groups(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["cat/a.png"] = np.zeros((8, 8, 3), "uint8")


def no_images(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"text": ["a"], "label": [1]}), path)


def no_labels(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"image": [b"a"], "kind": [1]}), path)


def rows_without_a_label(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"image": [b"a", b"b"], "label": [1, None]}), path)


def tar_of(*names: str):
    def write(path: Path) -> None:
        with tarfile.open(path, "w") as archive:
            for name in names:
                add(archive, name, b"content")

    return write


def cut_off(path: Path) -> None:
    tar_of("a.jpg", "a.cls", "b.jpg", "b.cls")(path)
    path.write_bytes(path.read_bytes()[:1300])


def without_its_end(path: Path) -> None:
    tar_of("a.jpg", "a.cls")(path)
    path.write_bytes(path.read_bytes()[:2048])


def compressed(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        add(archive, "a.jpg", b"content")


def text(content: str):
    return lambda path: path.write_text(content)


@pytest.mark.parametrize(
    ("name", "write", "changes", "message"),
    [
        ("a.h5", None, {}, "the HDF5 file {path} is not there; check the path"),
        ("a.h5", text("no"), {}, "{path} is no HDF5 file, or damaged: "),
        ("a.h5", no_groups, {}, "{path} has no group for each class, it has images; write it with"),
        ("a.h5", decoded_groups, {}, "{path}: cat/a.png is no encoded image, which is one row of"),
        ("a.parquet", None, {}, "the Parquet file {path} is not there; check the path"),
        ("a.parquet", text("no"), {}, "{path} is no Parquet file of images, or damaged: "),
        ("a.parquet", no_images, {}, "{path} has 0 columns of encoded images; name one of text, l"),
        ("a.parquet", no_labels, {}, "{path} has no column 'label', but image, kind; name one wit"),
        ("a.parquet", rows_without_a_label, {}, "{path}: 1 of 2 rows have no label; remove them,"),
        ("a.parquet", no_labels, {"label_key": "knd"}, "data.label_key=knd is no column of {path}"),
        ("a.parquet", no_labels, {"image_key": "kind"}, "data.image_key=kind of {path} holds "),
        ("a.arrow", None, {}, "the Arrow file {path} is not there; check the path"),
        ("a.arrow", text("no"), {}, "{path} is no Arrow file of images, or damaged: "),
        ("a.tar", None, {}, "the shard {path} is not there; check the path"),
        ("a.tar", text("no" * 999), {}, "the shard {path} is no tar archive, or damaged: there is"),
        ("a.tar", cut_off, {}, "the shard {path} is no tar archive, or damaged: it is cut off aft"),
        ("a.tar", without_its_end, {}, "the shard {path} is no tar archive, or damaged: it is cut"),
        ("a.tar", compressed, {}, "the shard {path} is no tar archive, or damaged: "),
        ("a.tar", tar_of("a.txt"), {}, "{path} holds no image; name shards with images"),
        ("a.tar", tar_of("a.jpg"), {}, "1 of 1 images have no file .cls with their label, the fi"),
        ("a.tar", tar_of("a.jpg", "a.l.png"), {}, "{path}/a has several images; name one of the"),
        ("*.tar", None, {}, "data.train_path={path}: there is no .tar file; check the path"),
        ("a.txt", None, {}, "the list {path} is not there; name a text file with a path on each"),
        ("a.txt", text("\n"), {}, "the list {path} names no image; write the path of one on each"),
        ("a.txt", text("b.jpg"), {}, "{path}, line 1: b.jpg has no label; write it after a tab, o"),
        ("a.txt", text("b.jpg\tc"), {}, "{path}: its first image "),
        ("a", None, {}, "the data folder {path} is not there; set data.train_path"),
        ("a", None, {"image_key": "b"}, "data.image_key=b is for Parquet, Arrow and tar"),
        ("a.h5", text("no"), {"source": "tar"}, "the shard {path} is no tar archive, or damaged:"),
    ],
)
def test_bad_input_is_refused_in_one_line(name, write, changes, message, tmp_path):
    kind = (tmp_path / name).suffix[1:]
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    path = tmp_path / name
    if write:
        write(path)
    with pytest.raises(UserError) as caught:
        build(str(path), **changes)
    assert str(caught.value).startswith(message.format(path=path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["{}", "{}/class0"], "would be taken twice; name one of the two folders"),
        (["{}", "a.tar"], "is of several kinds (folder, tar); name paths of one kind"),
        (["a.h5", "b.h5"], "source=h5 takes one; name one"),
        (["a.tar", "a.tar"], "data.train_path names a.tar twice; name each file once"),
    ],
)
def test_paths_that_do_not_go_together_are_refused(paths, message, image_folder):
    with pytest.raises(UserError) as caught:
        build([path.format(image_folder / "train") for path in paths])
    assert message in str(caught.value)


def test_hub_without_a_split_is_refused():
    pytest.importorskip("datasets")
    with pytest.raises(UserError, match=r"^hf:a/b names no split; write hf:OWNER/NAME:SPLIT$"):
        build("hf:a/b")


def test_split_of_the_hub_is_fetched_by_its_name(image_folder, monkeypatch):
    datasets = pytest.importorskip("datasets")
    table = hugging_face(image_folder / "val")
    fetched = {("a/b", "test"): table}
    monkeypatch.setattr(datasets, "load_dataset", lambda name, split: fetched[name, split])
    dataset = build("hf:a/b:test")
    assert contents(dataset) == contents(build(str(image_folder / "val")))
    assert dataset.name(3) == "hf:a/b:test/3"
    with pytest.raises(UserError, match=r"^hf:a/b:val cannot be fetched: .*; check the name, the"):
        build("hf:a/b:val")


def test_labels_file_of_another_source_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("image,cat\n")
    with pytest.raises(UserError, match=r"data\.labels=.* is for images in one folder; leave it"):
        build("a.tar", labels=str(tmp_path / "labels.csv"))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("length", [20, 150, 300])
def test_members_are_those_of_tarfile(form, length, tmp_path):
    path = tmp_path / "a.tar"
    name = f"{'folder/' * (length // 8)}\u00fc.jpg" if length < 300 or form else "a.jpg"
    with tarfile.open(path, "w", format=form) as archive:
        for number in range(3):
            member = tarfile.TarInfo(f"{number}{name}")
            # WebDataset writes times with fractions, which need an extended header in PAX.
            member.size, member.mtime = 600 * number, 1e9 + 0.5
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    with tarfile.open(path) as archive:
        expected = [(m.name.encode(), m.offset_data, m.size) for m in archive]
    assert list(members(path)) == expected
    assert len(expected) == 3


def test_listing_hdf5_keeps_neither_texts_nor_groups(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        image = file.create_dataset("c0/0.png", data=np.zeros(1, "uint8"))
        for number in range(1, 30_000):
            file[f"c{number // 300}/{number}.png"] = image
    tracemalloc.start()
    store = Hdf5Store(tmp_path / "a.h5", labelled=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert store.name(29_999) == f"{tmp_path}/a.h5/c99/29999.png"
    # Each name has 9 bytes, its place and its label 8 each; as a text of Python it has about 60.
    assert peak / len(store) < 50
    *_, kept, _ = store._file.id.get_mdc_size()
    assert kept <= 1 << 20


def test_index_of_a_shard_is_kept_until_the_shard_changes(tmp_path, monkeypatch):
    shard = tmp_path / "a.tar"
    tar_of("a.jpg", "a.cls")(shard)
    read = []
    monkeypatch.setattr(tar_index, "members", lambda path: read.append(path) or members(path))

    def names() -> list[str]:
        return list(tar_index.index_of(shard, None, None).names)

    assert names() == names() == ["a.jpg"]
    assert len(read) == 1
    tar_of("b.jpg", "b.cls", "c.jpg", "c.cls")(shard)
    assert names() == ["b.jpg", "c.jpg"]
    (kept,) = tmp_path.glob("*.leoclr-index")
    kept.write_bytes(kept.read_bytes()[:200])
    assert names() == ["b.jpg", "c.jpg"]
    assert len(read) == 3


def test_index_goes_into_the_cache_if_the_folder_cannot_be_written(tmp_path, monkeypatch):
    shard = tmp_path / "a.tar"
    tar_of("a.jpg", "a.cls")(shard)
    monkeypatch.setattr(tar_index, "user_cache_path", lambda name: tmp_path / "cache" / name)
    write = tar_index._write

    def refuse_beside(path: Path, *args) -> None:
        if path.parent == tmp_path:
            raise UserError("read-only")
        write(path, *args)

    monkeypatch.setattr(tar_index, "_write", refuse_beside)
    first = tar_index.index_of(shard, None, None)
    monkeypatch.setattr(tar_index, "members", None)
    assert list(tar_index.index_of(shard, None, None).names) == list(first.names) == ["a.jpg"]


def test_entries_without_an_image_are_told(tmp_path, capsys):
    tar_of("a.jpg", "a.cls", "readme.md")(tmp_path / "a.tar")
    assert len(build(str(tmp_path / "a.tar"))) == 1
    assert "1 entries without an image (the first is readme)" in capsys.readouterr().err


def test_unlabelled_files_have_the_order_of_their_paths(tmp_path):
    names = ("b/2.png", "a-b/0.png", "a/1.png", "a/0/x.png", "a/0.png", "0.png", "a.png", "c.png")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    store = folder_store([tmp_path], labelled=False)
    assert [store.name(i) for i in range(len(store))] == [
        str(path) for path in sorted(tmp_path / name for name in names)
    ]


def test_names_that_are_not_utf_8_are_kept():
    texts = ["", "a\udcff.png", "\u00fc", "", "b"]
    names = Names.joined([Names.of(texts[:2]), Names.of([]), Names.of(texts[2:])])
    assert list(names) == texts
    assert list(names.part(1, 4)) == texts[1:4]
