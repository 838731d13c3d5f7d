import pytest

from leoclr_plugin.data.labels import read_classes, read_labels, tell_classes_without_positive
from leoclr_plugin.errors import UserError


@pytest.fixture
def write(tmp_path):
    def write(text, name="labels.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


def test_reads_labels_by_image_relative_to_the_file(write, tmp_path):
    table = read_labels(write("image,cat,dog\nimages/a.png,1,0\r\n\n./b.png, 0 ,\n"))
    assert table.classes == ("cat", "dog")
    assert {name: row.tolist() for name, row in table.rows.items()} == {
        str(tmp_path.resolve() / "images" / "a.png"): [1, 0],
        str(tmp_path.resolve() / "b.png"): [0, -1],
    }


def test_columns_are_returned_in_the_given_order(write):
    path = write("image,dog,cat\na.png,1,0\n")
    (row,) = read_labels(path, ("cat", "dog")).rows.values()
    assert row.tolist() == [0, 1]
    assert read_classes(path) == ("dog", "cat")


@pytest.mark.parametrize("start", ["\ufeff", "\n", "\ufeff \r\n"])
def test_a_byte_order_mark_and_blank_lines_are_ignored(start, write):
    path = write(f"{start}image,cat\n,\na.png,1\n")
    assert read_classes(path) == ("cat",)
    table = read_labels(path)
    assert table.classes == ("cat",)
    assert len(table.rows) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"the labels file .* is empty; begin it with image,<class>,\.\.\."),
        (" \n", "is empty"),
        ("image,cat\n", "has a header but no row; add a row"),
        ("image;cat;dog\na.png;1;0\n", "separates its columns by semicolons; use commas"),
        ("image\tcat\na.png\t1\n", "separates its columns by tabs"),
        ("a.png,1,0\n", "begins with 'a.png,1,0', but its header must be image,<class>"),
        ("image\na.png\n", "begins with 'image', but its header"),
        ("image,cat,,dog\na.png,1,0,0\n", "column 3 has no name"),
        ("image,cat,cat\na.png,1,0\n", "has two columns for cat"),
        ("image,cat,dog\na.png,1,0\nb.png,2,0\n", "line 3, column cat: '2'; a label is 1, 0, or"),
        ("image,cat,dog\na.png,1,yes\n", "line 2, column dog: 'yes'"),
        ("image,cat,dog\na.png,1\n", "line 2: 2 fields, but the header has 3"),
        ("image,cat\na.png,1\n./a.png,0\n", "line 3: ./a.png has a row already"),
    ],
)
def test_other_files_are_refused_by_line_and_column(write, text, message):
    with pytest.raises(UserError, match=message):
        read_labels(write(text))


def test_labels_as_pandas_writes_them_are_read(write):
    table = read_labels(write("image,cat,dog\na.png,1.0,\nb.png,0.0,1\n"))
    assert [row.tolist() for row in table.rows.values()] == [[1, -1], [0, 1]]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("image,cat", "has no column for the class dog, which the training labels have"),
        ("image,cat,dog,owl", "has a column for the class owl, which the training labels do not"),
        ("image,cat,dogs", "no column for the class dog, .*did you mean 'dogs'"),
    ],
)
def test_other_classes_than_those_of_the_training_are_refused(write, header, message):
    row = "a.png" + ",1" * header.count(",")
    with pytest.raises(UserError, match=message):
        read_labels(write(f"{header}\n{row}\n"), ("cat", "dog"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"the labels file .*none.csv is not there"):
        read_labels(tmp_path / "none.csv")


def test_classes_that_no_image_shows_are_reported(write, capsys):
    tell_classes_without_positive(read_labels(write("image,cat,dog\na.png,1,0\nb.png,0,\n")))
    assert "no image shows dog; averages leave out such classes" in capsys.readouterr().err


def test_names_with_line_breaks_and_endless_cells(write, tmp_path):
    image = "a\rb\nc.png"
    table = read_labels(write(f'image,"=cat\x1b"\n"{image}",1\n'))
    assert (list(table.rows), table.classes) == ([str(tmp_path / image)], ("=cat\x1b",))
    with pytest.raises(UserError, match=r"line 2: field larger than field limit"):
        read_labels(write(f"image,cat\n{'x' * 200_000},1\n"))
