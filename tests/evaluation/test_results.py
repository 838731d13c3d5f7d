from leoclr_plugin.evaluation.results import headline, in_words


def test_accuracy_is_the_headline_if_each_image_has_one_class():
    result = {"top1": 61.8, "top5": 95.25}
    assert headline(result) == 61.8
    assert in_words(result) == "top-1 61.80 %, top-5 95.25 %"


def test_map_is_the_headline_of_several_labels_and_left_out_classes_are_named():
    result = {"mAP": 19.5, "AP": {"cat": 19.5, "dog": None, "owl": None}}
    assert headline(result) == 19.5
    assert in_words(result) == "mAP 19.50 % (without dog, owl, which no image shows)"
    assert in_words({"mAP": 19.5, "AP": {"cat": 19.5}}) == "mAP 19.50 %"
