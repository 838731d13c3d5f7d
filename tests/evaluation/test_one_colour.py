import torch

from leoclr_plugin.evaluation.one_colour import one_colour


def test_a_single_class_has_its_column_and_several_or_none_have_their_own_numbers():
    labels = torch.tensor([[0, 1, 0], [1, 0, -1], [1, 0, 1], [0, 0, 0], [-1, -1, -1]])
    assert one_colour(labels.to(torch.int8)).tolist() == [1, 0, 3, 4, 4]
