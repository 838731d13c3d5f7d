"""The bounds do the work that their names say, and no more."""

from leoclr_plugin.bench.bounds import decode_and_resize
from leoclr_plugin.data.stored import Images
from leoclr_plugin.data.stores.files import folder_store
from tests.conftest import make_image


def test_batches_are_decoded_and_resized_as_often_as_asked(tmp_path):
    for number in range(3):
        make_image(number, 0, (30, 40 + number)).save(tmp_path / f"{number}.jpg")
    images = Images(folder_store([tmp_path], labelled=False))
    settings = {"size": 16, "batch_size": 2, "workers": 2, "device": "cpu"}
    decoded = decode_and_resize(images, 0, **settings)
    assert [[image.shape for image in item] for item in next(decoded)] == [
        [(30, 40, 3)],
        [(30, 41, 3)],
    ]
    # After the last file comes the first.
    assert next(decoded)[1][0].shape == (30, 40, 3)
    resized = next(decode_and_resize(images, 3, **settings))
    assert [image.shape for (image,) in resized[0]] == [(16, 16, 3), (15, 16, 3), (14, 16, 3)]
