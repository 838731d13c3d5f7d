import pytest

from leoclr_plugin.system.csv_cells import cell_of, text_of
from tests.hostile import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_is_a_formula_and_its_text_comes_back(name):
    assert text_of(cell_of(name)) == name
    assert cell_of(name)[0] not in "=+-@\t\r\n" or name == "-5"


@pytest.mark.parametrize("value", [-1.5, None, 3, "-1.5", "+2", "-1e-05", "", "a=b", "it's"])
def test_numbers_and_usual_texts_stay(value):
    assert cell_of(value) == value
    assert value != str(value) or text_of(value) == value
