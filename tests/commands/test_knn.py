"""``leoclr knn``: the lists that solo-learn's scripts give."""

import itertools
import json

import pytest

from leoclr_plugin.commands.main import main
from tests.runs import run_folder


def test_each_of_several_values_is_evaluated_with_each(image_folder, tmp_path, capsys):
    source = run_folder(tmp_path / "run", data__train_path=f"{image_folder}/train")
    command = ["knn", str(source.folder), "--val_data_path", f"{image_folder}/val"]
    lists = ["--k", "1", "5", "--temperature", "0.07", "1", "--feature_type", "backbone"]
    lists += ["projector", "--distance_function", "euclidean", "cosine"]
    assert main([*command, *lists]) == 0
    content = json.loads((source.folder / "knn.json").read_text())
    results = [content, *content["more"]]
    how = [[r[key] for key in ("feature_type", "distance", "k", "temperature")] for r in results]
    weights = [["euclidean", 0.07], ["cosine", 0.07], ["cosine", 1.0]]
    assert sorted(how) == sorted(
        [kind, distance, k, temperature]
        for kind, k, (distance, temperature) in itertools.product(
            ("backbone", "projector"), (1, 5), weights
        )
    )
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("kNN ")]
    for line, (kind, distance, k, temperature) in zip(told, how, strict=True):
        weight = f", temperature={temperature}" if distance == "cosine" else ""
        assert line.startswith(f"kNN (k={k}, {distance}{weight}, {kind}): top-1 ")
    # Each is what it is alone.
    alone = ["--k", "5", "--temperature", "1", "--feature_type", "projector"]
    assert main([*command, *alone]) == 0
    assert told[how.index(["projector", "cosine", 5, 1.0])] in capsys.readouterr().out
    assert "more" not in json.loads((source.folder / "knn.json").read_text())


def test_by_default_k_is_20_and_the_distance_the_cosine(image_folder, tmp_path, capsys):
    source = run_folder(tmp_path / "run", data__train_path=f"{image_folder}/train")
    assert main(["knn", str(source.folder), "--val_data_path", f"{image_folder}/val"]) == 0
    assert "kNN (k=20, cosine, temperature=0.07, backbone): top-1 " in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        *(["--k", "0"], ["--k", "5.5"], ["--temperature", "0"]),
        *(["--distance_function", "dot"], ["--feature_type", "head"]),
    ],
)
def test_what_is_no_value_is_refused_at_once(words, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["knn", "nowhere", *words])
    assert leaving.value.code == 2
    assert f"argument {words[0]}: " in capsys.readouterr().err
