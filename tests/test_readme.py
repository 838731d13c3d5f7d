"""Run the commands of the README and of the pages on generated images, with a short budget."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from leoclr_plugin.data.dali import has_dali
from leoclr_plugin.report.environment import version_of
from tests.conftest import make_folder, make_image
from tests.network import no_network
from tests.programs import ROOT, forked_python
from tests.runs import run_folder

README = (ROOT / "README.md").read_text()
PAGES = [README, *(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))]
# The blocks with a name are run here. tests/docs/test_commands.py reads the others.
_BLOCK = re.compile(r"<!-- ([\w-]+) -->\n```bash\n(.*?)```", re.DOTALL)
BLOCKS = [(match[1], match[2]) for page in PAGES for match in _BLOCK.finditer(page)]
# In this order they are what a user does who has no solo-learn.
ALONE = ("views", "alone", "evaluate", "umap", "step", "ablation")
# This script stands in for leoclr. It runs the README's command and only shortens its budget.
_LEOCLR_SHIM = """#!/bin/sh
case "$1 $2" in
    "pretrain "*) set -- "$@" max_epochs=1 optimizer.batch_size=8 method_kwargs.queue_size=64 ;;
    "linear "*) set -- "$@" max_epochs=1 optimizer.batch_size=8 ;;
    "compare "*|"ablation "*)
        verb=$1 config=$2
        shift 2
        set -- "$verb" "$config" optimizer.batch_size=4 augmentations.0.crop_size=32 \\
            "augmentations.1.crop_size=[32,32]" "$@" --budget epochs=1 --seeds 1 ;;
    "bench step") set -- "$@" --steps 1 --batch-size 8 --size 32 ;;
    "bench data") set -- "$@" --rounds 1 --batch-size 8 --size 32 ;;
esac
exec "{python}" -m leoclr_plugin "$@"
"""


# This script stands in for python. Float32 is used because Lightning replaces float16 by bfloat16
# on a CPU, which many CPUs only emulate.
_PYTHON_SHIM = """#!/bin/sh
case "$1" in
    main_pretrain.py) set -- "$@" precision=32 max_epochs=1 \\
        optimizer.batch_size=8 method_kwargs.queue_size=64 augmentations.0.crop_size=32 \\
        "augmentations.1.crop_size=[32,32]" ;;
esac
exec "{python}" "$@"
"""


def run_block(commands: str, cwd: Path, host: str = "bundled", **env: str):
    bin_folder = cwd / "bin"
    bin_folder.mkdir(exist_ok=True)
    for name, text, python in (
        ("leoclr", _LEOCLR_SHIM, forked_python()),
        ("python", _PYTHON_SHIM, sys.executable),
    ):
        shim = bin_folder / name
        shim.write_text(text.format(python=python))
        shim.chmod(0o755)
    path = f"{bin_folder}:{os.environ['PATH']}"
    with no_network(cwd) as offline:
        return subprocess.run(
            ["bash", "-euc", commands],
            cwd=cwd,
            env={**os.environ, "PATH": path, "LEOCLR_HOST": host, **offline, **env},
            capture_output=True,
            text=True,
            check=False,
        )


def with_data(root: Path, per_class: int = 4) -> Path:
    """Write images where the README's commands look for Imagenette, and return ``root``."""
    make_folder(root / "datasets/imagenette2-160/train", per_class)
    make_folder(root / "datasets/imagenette2-160/val", 2, seed=500)
    return root


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    return with_data(tmp_path_factory.mktemp("readme"))


def test_each_named_block_is_run_by_one_test():
    names = [name for name, _ in BLOCKS]
    run_here = {
        "demo",
        "tests",
        "solo-learn",
        "stock",
        "labels",
        "shards",
        "runs",
        "dali",
        "zoo",
        "export",
    }
    assert sorted(names) == sorted(run_here | set(ALONE))


def test_demo_and_tests_are_one_command_each_and_ci_runs_the_tests():
    named = {name: block.strip() for name, block in BLOCKS}
    assert "\n" not in named["demo"]
    assert "\n" not in named["tests"]
    assert named["demo"].endswith('pip install ".[umap]" && leoclr demo')
    assert named["tests"].endswith(
        'pip install -e ".[test]" && python -m pytest -n 2 --dist worksteal'
    )
    assert "<!-- tests -->" in (ROOT / ".ci/run").read_text()


@pytest.mark.skipif(version_of("umap-learn") is None, reason="umap-learn is not installed")
def test_commands_of_a_user_without_solo_learn(workplace):
    blocks = dict(BLOCKS)
    commands = "\n".join(blocks[name] for name in ALONE)
    named = ("views", "pretrain", "knn", "linear", "umap", "bench step", "compare", "ablation")
    for name in named:
        assert f"leoclr {name} " in commands
    run = run_block(commands, workplace)
    assert run.returncode == 0, run.stderr[-3000:]
    assert (workplace / "views.png").exists()
    for method in ("leoclr", "mocov2plus"):
        (folder,) = (workplace / "trained_models" / method).iterdir()
        assert {"args.json", "metrics.csv"} <= {path.name for path in folder.iterdir()}
    (folder,) = (workplace / "trained_models/leoclr").iterdir()
    for name in ("knn", "linear"):
        result = json.loads((folder / f"{name}.json").read_text())
        assert 0 <= result["top1"] <= result["top5"] <= 100
    for split in ("train", "val"):
        assert (folder / f"umap-{split}.png").read_bytes()[:4] == b"\x89PNG"
    assert re.search(r"leoclr / mocov2plus: \d\.\d+ \(", run.stdout)
    for path in ("comparison/report.html", "comparison/results.csv", "ablation/table.txt"):
        assert "failed" not in (workplace / path).read_text()


def test_commands_of_long_runs(tmp_path):
    (commands,) = (block for name, block in BLOCKS if name == "runs")
    # Two processes with batches of eight need more images than the other commands.
    run = run_block(commands, with_data(tmp_path, per_class=8))
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.count("Written to") == 2
    assert len(list((tmp_path / "trained_models/leoclr").glob("*/*.ckpt"))) == 2


def test_commands_of_a_user_with_labels_of_several_objects(tmp_path):
    (commands,) = (block for name, block in BLOCKS if name == "labels")
    for split, seed in (("train", 0), ("val", 500)):
        make_folder(tmp_path / split, 2, seed=seed)
        images = sorted((tmp_path / split).glob("*/*"))
        rows = [f"{p.relative_to(tmp_path / split)},{i % 2},1," for i, p in enumerate(images)]
        text = "\n".join(["image,dog,person,bicycle", *rows])
        (tmp_path / split / "labels.csv").write_text(f"{text}\n")
    run = run_block(commands, tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    (folder,) = (tmp_path / "trained_models/leoclr").iterdir()
    result = json.loads((folder / "knn.json").read_text())
    assert set(result["AP"]) == {"dog", "person", "bicycle"}
    assert result["AP"]["bicycle"] is None
    assert "bicycle" in run.stderr


def test_commands_of_a_user_with_shards(tmp_path):
    (commands,) = (block for name, block in BLOCKS if name == "shards")
    for split, seed in (("train", 0), ("val", 500)):
        make_folder(tmp_path / "photos" / split, 2, seed=seed)
    run = run_block(commands, tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "10 of 10 images are good, 0 bad" in run.stdout
    assert (tmp_path / "train.tar.leoclr-index").is_file()
    (folder,) = (tmp_path / "trained_models/leoclr").iterdir()
    assert (folder / "knn.json").is_file()


@pytest.mark.skipif(version_of("umap-learn") is None, reason="umap-learn is not installed")
def test_commands_of_the_zoo(workplace):
    (commands,) = (block for name, block in BLOCKS if name == "zoo")
    (name,) = set(re.findall(r"leoclr-resnet18-\w+", commands))
    run = run_block(commands, workplace)
    assert run.returncode == 0, run.stderr[-3000:]
    assert f"{name}: good" in run.stdout
    assert (workplace / "weights" / f"{name}.safetensors").exists()
    assert (workplace / "pictures" / f"{name}-similarity.png").exists()


def test_commands_of_an_export(tmp_path):
    pytest.importorskip("onnx")
    (commands,) = (block for name, block in BLOCKS if name == "export")
    source = run_folder(tmp_path / "trained_models/leoclr/run").folder
    run = run_block(commands, tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    assert (source / "backbone-timm.pth").exists()
    assert (tmp_path / "leoclr.onnx").exists()


def test_python_example_of_the_zoo():
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    variables = {"picture": make_image(0, 1)}
    exec(program, variables)
    assert variables["features"].shape == (1, 512)


@pytest.mark.skipif(not has_dali(), reason="DALI is not installed")
def test_commands_of_a_user_with_dali(tmp_path):
    (commands,) = (block for name, block in BLOCKS if name == "dali")
    run = run_block(commands, with_data(tmp_path))
    assert run.returncode == 0, run.stderr[-3000:]
    assert "20 of 20 images are good, 0 bad" in run.stdout
    assert re.search(r"three_views +\d+\.\d images/s", run.stdout)
    (folder,) = (tmp_path / "trained_models/leoclr").iterdir()
    assert (folder / "metrics.csv").exists()


@pytest.mark.skipif(not os.environ.get("SOLO_LEARN_HOME"), reason="no clone of solo-learn")
def test_commands_of_a_user_with_solo_learn(workplace):
    environment = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{os.environ['SOLO_LEARN_HOME']}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/vturrisi/solo-learn",
        "SOLO_LEARN_HOME": "",
        "XDG_CACHE_HOME": str(workplace / "cache"),
        "XDG_CONFIG_HOME": str(workplace / "config"),
    }
    blocks = dict(BLOCKS)
    install, stock = blocks["solo-learn"], blocks["stock"]
    run = run_block(install, workplace, host="auto", **environment)
    assert run.returncode == 0, run.stderr
    assert str(workplace / "cache") in run.stdout
    assert f"{workplace}/solo-learn" in run.stdout
    assert "leoclr" in next(line for line in run.stdout.splitlines() if line.startswith("methods"))

    run = run_block(stock, workplace, host="auto", **environment)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "Result: acc@1=" in run.stdout


@pytest.mark.skipif(version_of("umap-learn") is None, reason="umap-learn is not installed")
def test_demo_writes_its_results_and_report(tmp_path):
    run = run_block("leoclr demo --fast --out demo", tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    results = json.loads((tmp_path / "demo/results.json").read_text())
    methods = results["methods"]
    assert set(methods) == {"leoclr", "mocov2plus", "untrained"}
    for result in methods.values():
        assert set(result) == {"knn_top1", "linear_top1", "seconds"}
        assert 10 < result["knn_top1"] <= 100
        assert 10 < result["linear_top1"] <= 100
    assert f"{methods['leoclr']['knn_top1']:.1f}" in run.stdout
    report = (tmp_path / "demo/report.html").read_text()
    # The views, the crops, the neighbours before and after, three maps; curves of two metrics.
    assert report.count("data:image/png;base64,") == 7
    assert report.count("<polyline") == 4
    # Even so short a training takes LeOCLR well above the untrained network.
    assert methods["leoclr"]["knn_top1"] > methods["untrained"]["knn_top1"] + 10
    same_texture = {name: means["same_class"] for name, means in results["crop_cosines"].items()}
    assert same_texture["leoclr"] > same_texture["untrained"]
    assert not re.search(r"(src|href)=.http", report)


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "pretrain",
        "linear",
        "knn",
        "umap",
        "pictures",
        "robustness",
        "views",
        "check-data",
        "compare",
        "ablation",
        "bench",
        "zoo",
        "export",
        "host",
        "solo",
        "doctor",
    ],
)
def test_help_shows_a_working_example(command, capsys):
    from leoclr_plugin.commands.main import build_parser

    with pytest.raises(SystemExit):
        build_parser().parse_args([command, "--help"])
    text = capsys.readouterr().out
    (example,) = re.findall(r"example:\n\s+leoclr (.*)", text)
    # The parser must at least accept the example.
    parsed = build_parser().parse_args(example.split())
    assert parsed.command == command


def test_pictures_and_links_of_the_readme_exist():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert targets
    assert all((ROOT / target).exists() for target in targets), targets
