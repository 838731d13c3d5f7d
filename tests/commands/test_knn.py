"""Test ``leoclr knn``, which takes lists of values as solo-learn's scripts do."""

import itertools
import json

import pytest

from leoclr_plugin.commands.main import main
from tests.runs import run_folder


def test_all_combinations_of_values_are_evaluated(image_folder, tmp_path, capsys):
    source = run_folder(
        tmp_path / "run", data__train_path=f"{image_folder}/train", backbone__name="small_convnet"
    )
    command = ["knn", str(source.folder), "--val_data_path", f"{image_folder}/val"]
    lists = ["--k", "1", "5", "--temperature", "0.07", "1", "--feature_type", "backbone"]
    lists += ["projector", "--distance_function", "euclidean", "cosine"]
    assert main([*command, *lists]) == 0
    content = json.loads((source.folder / "knn.json").read_text())
    results = [content, *content["more"]]
    keys = ("feature_type", "distance", "k", "temperature")
    settings = [[result[key] for key in keys] for result in results]
    weights = [["euclidean", 0.07], ["cosine", 0.07], ["cosine", 1.0]]
    assert sorted(settings) == sorted(
        [kind, distance, k, temperature]
        for kind, k, (distance, temperature) in itertools.product(
            ("backbone", "projector"), (1, 5), weights
        )
    )
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("kNN ")]
    for line, (kind, distance, k, temperature) in zip(lines, settings, strict=True):
        weight = f", temperature={temperature}" if distance == "cosine" else ""
        assert line.startswith(f"kNN (k={k}, {distance}{weight}, {kind}): top-1 ")
    # A single evaluation gives the same line as the combination.
    single = ["--k", "5", "--temperature", "1", "--feature_type", "projector"]
    assert main([*command, *single]) == 0
    assert lines[settings.index(["projector", "cosine", 5, 1.0])] in capsys.readouterr().out
    assert "more" not in json.loads((source.folder / "knn.json").read_text())


def test_defaults_are_k_20_and_cosine(image_folder, tmp_path, capsys):
    source = run_folder(
        tmp_path / "run", data__train_path=f"{image_folder}/train", backbone__name="small_convnet"
    )
    assert main(["knn", str(source.folder), "--val_data_path", f"{image_folder}/val"]) == 0
    assert "kNN (k=20, cosine, temperature=0.07, backbone): top-1 " in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        *(["--k", "0"], ["--k", "5.5"], ["--temperature", "0"]),
        *(["--distance_function", "dot"], ["--feature_type", "head"]),
    ],
)
def test_invalid_values_are_refused_before_anything_is_read(words, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["knn", "nowhere", *words])
    assert exit_info.value.code == 2
    assert f"argument {words[0]}: " in capsys.readouterr().err
