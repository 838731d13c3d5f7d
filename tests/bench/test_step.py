import json

from leoclr_plugin.bench.step import OPTIONS, StepRunner
from leoclr_plugin.commands.main import main


def bench(capsys, *args):
    # In a larger network the gradients of the weights, which both methods have, would take most of
    # the memory.
    main(
        ["bench", "step", "--backbone", "small_convnet", "--steps", "2", "--batch-size", "8", *args]
    )
    return capsys.readouterr().out


def test_both_methods_and_the_options_are_timed_in_turns(capsys, monkeypatch):
    # Compiling takes a minute. tests/training/test_pretrain.py checks that the setting compiles.
    monkeypatch.delitem(OPTIONS, "compile")
    result = json.loads(bench(capsys, "--options", "--json"))
    names = {"leoclr", "mocov2plus", *OPTIONS}
    assert result["raw_seconds"].keys() == result["peak_mib"].keys() == names
    assert all(len(seconds) == 2 for seconds in result["raw_seconds"].values())
    a, b = (result["raw_seconds"][name][0] for name in ("leoclr", "mocov2plus"))
    ratio = result["ratio"]
    assert ratio["min"] <= a / b <= ratio["max"]
    assert result["option_ratios"].keys() == set(OPTIONS)
    # LeOCLR has one query forward pass, mocov2plus has two.
    assert result["peak_mib"]["leoclr"] < 0.8 * result["peak_mib"]["mocov2plus"]


def test_without_options_as_text(capsys):
    out = bench(capsys)
    assert "leoclr / mocov2plus: " in out
    assert "compile" not in out


def test_an_option_reaches_the_runner():
    runner = StepRunner("leoclr", "small_convnet", 4, 32, "32", changes=OPTIONS["bf16"])
    assert runner.precision == "bf16-mixed"
    changes = {"optimizer.kwargs.nesterov": True}
    runner = StepRunner("leoclr", "small_convnet", 4, 32, "32", changes=changes)
    assert runner.optimizer.param_groups[0]["nesterov"] is True
