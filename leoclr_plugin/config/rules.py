"""Rules about the values of several keys together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from leoclr_plugin.config.datasets import ARCHIVES, MULTILABEL_SETS, SQUARE_DATASETS
from leoclr_plugin.config.keys import ALL, DETECT, FINETUNE, LINEAR, PRETRAIN, Node
from leoclr_plugin.config.leoclr import LeOCLRSettings, Momentum, SelfPaced
from leoclr_plugin.config.level_rules import (
    augmentations_fit_channels,
    levels_can_be_read,
    method_takes_channels,
    normalisation_fits_channels,
    rand_augment_has_bytes,
)
from leoclr_plugin.config.values import value_of
from leoclr_plugin.config.views import Degrade

_TAUS = ("momentum.base_tau", "momentum.final_tau")
Rule = Callable[[Mapping[str, Any]], Iterator[str]]
_RULES: list[tuple[Rule, tuple[str, ...], Collection[str]]] = []
# Keys of solo-learn's main_pretrain.py that leoclr does not support, and the commands that replace
# them.
_REPLACED_BY_COMMANDS = {
    "auto_umap.enabled": "leoclr umap RUN",
    "debug_augmentations": "leoclr views FOLDER",
}
_FINE_TUNING = ("mixup", "cutmix", "label_smoothing", "auto_augment")
_MIXING = ("mixup", "cutmix")
# The methods whose loss has weights of pairs, negatives of an image's own, and self-paced weights.
_LEVELLED = ("leoclr", "mocov2plus")


def broken_rules(
    values: Mapping[str, Any], command: str, bad: Collection[str] = ()
) -> Iterator[str]:
    """Yield a message for each rule that a configuration breaks.

    Args:
        values: the configuration.
        command: ``"pretrain"``, ``"linear"``, ``"finetune"`` or ``"detect"``.
        bad: keys with invalid values; rules about these keys are skipped.
    """
    for rule, keys, commands in _RULES:
        within = tuple(f"{key}{mark}" for key in keys for mark in ".[")
        readable = not any(name in keys or name.startswith(within) for name in bad)
        if command in commands and readable:
            yield from rule(values)


def broken_leoclr_rules(values: Mapping[str, Any], bad: Collection[str] = ()) -> Iterator[str]:
    """Yield a message for each broken rule of LeOCLR that also applies in solo-learn's scripts.

    Args:
        values: the configuration after its hardware is settled, because a CPU changes
            ``precision`` and ``sync_batchnorm``.
        bad: keys with invalid values; rules about these keys are skipped.
    """
    if not any(key in bad for key in _TAUS):
        yield from _leoclr_tau_does_not_fall(values)
    if "augmentations" in values and "method_kwargs.anchor" not in bad:
        yield from _leoclr_has_crops_and_an_anchor(values)
    splits = value_of(values, "method_kwargs.bn_splits", 1)
    joint = value_of(values, "method_kwargs.key_forward") == "joint"
    batch_size = value_of(values, "optimizer.batch_size", 0)
    if joint and "method_kwargs.bn_splits" not in bad and batch_size % splits:
        yield (
            f"method_kwargs.bn_splits={splits} must divide optimizer.batch_size={batch_size} with "
            "method_kwargs.key_forward=joint"
        )
    for key in ("method_kwargs.bn_splits", "method_kwargs.shuffle_keys"):
        value, off = value_of(values, key), _default(LeOCLRSettings, key)
        if values.get("sync_batchnorm") and key not in bad and value != off:
            yield f"{key}={value} must be {off} with sync_batchnorm=True, which undoes it"
    # A momentum update changes a weight by a thousandth of a difference. These precisions round
    # such a change to zero.
    precision = values.get("precision")
    if precision in ("bf16-true", "16-true"):
        yield (
            f"precision={precision} must be bf16-mixed, or the momentum encoder is never updated"
        )


def _default(node: type[Node], key: str) -> Any:
    return node.model_fields[key.rpartition(".")[2]].default


def _rule(*keys: str, commands: Collection[str] = ALL) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        _RULES.append((rule, keys, commands))
        return rule

    return add


@_rule("max_epochs", "scheduler.name")
def _a_cosine_has_an_end(values: Mapping[str, Any]) -> Iterator[str]:
    if value_of(values, "max_epochs") == -1 and (
        value_of(values, "scheduler.name") == "warmup_cosine"
    ):
        yield (
            "max_epochs=-1 has no end, and scheduler.name=warmup_cosine needs one: set max_epochs "
            "or scheduler.name=none"
        )


@_rule("data.format", "data.dataset")
def _dali_reads_files(values: Mapping[str, Any]) -> Iterator[str]:
    dataset = value_of(values, "data.dataset")
    if value_of(values, "data.format") == "dali" and dataset in ARCHIVES:
        yield (
            f"data.format=dali reads image files, and {dataset} is an archive: use "
            "data.format=image_folder"
        )


@_rule("data.dataset", "data.train_path", "data.val_path", "data.source")
def _sources_are_of_folders(values: Mapping[str, Any]) -> Iterator[str]:
    dataset = value_of(values, "data.dataset")
    if dataset not in (*ARCHIVES, *MULTILABEL_SETS):
        return
    for key in ("data.train_path", "data.val_path"):
        if isinstance(value_of(values, key), list):
            yield f"{key} must be one folder, because data.dataset={dataset} has its own layout"
    if value_of(values, "data.source"):
        yield (
            f"data.source={value_of(values, 'data.source')}, but data.dataset={dataset} has its "
            "own layout: leave it out, or set data.dataset=custom"
        )


@_rule("data.format", "data.source")
def _h5_is_one_source(values: Mapping[str, Any]) -> Iterator[str]:
    source = value_of(values, "data.source")
    if value_of(values, "data.format") == "h5" and source not in (None, "h5"):
        yield f"data.format=h5, but data.source={source}: use data.format=image_folder"


@_rule("data.format", "augmentations", commands=(PRETRAIN,))
def _dali_resizes_to_two_sides(values: Mapping[str, Any]) -> Iterator[str]:
    if value_of(values, "data.format") != "dali":
        return
    for i, pipeline in enumerate(value_of(values, "augmentations", [])):
        size = pipeline["crop_size"]
        if isinstance(size, int) and not pipeline["rrc"]["enabled"]:
            yield (
                f"augmentations[{i}].crop_size={size}: an int keeps the aspect ratio, so images "
                f"would not fit into one batch; write crop_size: [{size}, {size}]"
            )


@_rule("data.format", "data.augment_on", "accelerator")
def _a_gpu_augments_what_it_trains_on(values: Mapping[str, Any]) -> Iterator[str]:
    if value_of(values, "data.augment_on") != "gpu":
        return
    if value_of(values, "data.format") == "dali":
        yield "data.augment_on=gpu is for data.format=image_folder: with dali use dali.device=gpu"
    if value_of(values, "accelerator") == "cpu":
        yield "data.augment_on=gpu, but accelerator=cpu: use data.augment_on=cpu"


@_rule("data.labels", "data.val_labels", "data.dataset")
def _labels_files_are_of_folders(values: Mapping[str, Any]) -> Iterator[str]:
    dataset = value_of(values, "data.dataset")
    labels = value_of(values, "data.labels") or value_of(values, "data.val_labels")
    if labels and dataset not in (None, "custom"):
        yield (
            f"data.dataset={dataset} has labels of its own, so it cannot use {labels}: set "
            "data.dataset=custom, or leave out the labels file"
        )


@_rule("data.train_list", "data.val_list", "data.dataset")
def _lists_are_of_files(values: Mapping[str, Any]) -> Iterator[str]:
    dataset = value_of(values, "data.dataset")
    for key in ("data.train_list", "data.val_list"):
        path = value_of(values, key)
        if path and dataset in ARCHIVES:
            yield f"{key}={path} lists image files, and {dataset} is an archive: leave it out"


@_rule("augmentations", commands=(PRETRAIN,))
def _crop_scales_are_in_order(values: Mapping[str, Any]) -> Iterator[str]:
    for i, pipeline in enumerate(value_of(values, "augmentations", [])):
        crop = pipeline["rrc"]
        if crop["enabled"] and crop["crop_min_scale"] > crop["crop_max_scale"]:
            yield (
                f"augmentations[{i}].rrc.crop_min_scale={crop['crop_min_scale']} must be at most "
                f"crop_max_scale={crop['crop_max_scale']}"
            )


@_rule("method", "augmentations", "method_kwargs.anchor", "data.dataset", commands=(PRETRAIN,))
def _leoclr_has_crops_and_an_anchor(values: Mapping[str, Any]) -> Iterator[str]:
    if value_of(values, "method") != "leoclr":
        return
    pipelines = values["augmentations"]
    anchor = value_of(values, "method_kwargs.anchor", "original")
    last = len(pipelines) - 1
    expected = [last] if anchor == "original" else []
    originals = [
        i
        for i, pipeline in enumerate(pipelines)
        if not pipeline["rrc"]["enabled"] and pipeline.get("mix") is None
    ]
    if originals != expected or pipelines[last]["num_crops"] != 1:
        crop = "rrc.enabled=False, and only it" if expected else "rrc.enabled=True, as all others"
        yield (
            f"augmentations: leoclr needs its anchor, the {anchor}, once and as its last view: "
            f"give the last pipeline (augmentations[{last}]) num_crops=1 and {crop}"
        )
        return
    if sum(pipeline["num_crops"] for pipeline in pipelines[:last]) < 1:
        yield (
            "augmentations: there is no crop view: put a pipeline with rrc.enabled=True and "
            "num_crops=2 before the original"
        )
    size, dataset = pipelines[last]["crop_size"], value_of(values, "data.dataset")
    if isinstance(size, int) and dataset not in SQUARE_DATASETS:
        yield (
            f"augmentations[{last}].crop_size={size}: an int keeps the aspect ratio, so images of "
            f"{dataset} would not fit into one batch: write crop_size: [{size}, {size}]"
        )


@_rule("optimizer.weight_decay", "optimizer.final_weight_decay")
def _weight_decay_has_a_start(values: Mapping[str, Any]) -> Iterator[str]:
    last = value_of(values, "optimizer.final_weight_decay")
    if last and value_of(values, "optimizer.weight_decay") == 0:
        yield (
            f"optimizer.final_weight_decay={last} changes the parameters that have weight decay, "
            "and optimizer.weight_decay=0 gives none: set it to a small number such as 1e-6"
        )


@_rule("method", *_TAUS, commands=(PRETRAIN,))
def _leoclr_tau_does_not_fall(values: Mapping[str, Any]) -> Iterator[str]:
    if value_of(values, "method") != "leoclr":
        return
    base, final = (value_of(values, key, _default(Momentum, key)) for key in _TAUS)
    if base > final:
        yield f"momentum.base_tau={base} must be at most momentum.final_tau={final}"


@_rule(*_REPLACED_BY_COMMANDS, commands=(PRETRAIN,))
def _other_commands_replace_keys(values: Mapping[str, Any]) -> Iterator[str]:
    for key, command in _REPLACED_BY_COMMANDS.items():
        if value_of(values, key):
            yield f"{key}=True is not supported: leave it out and use {command}"


@_rule(*_FINE_TUNING, commands=(LINEAR,))
def _fine_tuning_has_its_own_command(values: Mapping[str, Any]) -> Iterator[str]:
    for key in _FINE_TUNING:
        if value_of(values, key):
            yield (
                f"{key}={values[key]} is for fine-tuning: leave it out, or run leoclr finetune on "
                "the same checkpoint"
            )


@_rule(*_MIXING, "optimizer.batch_size", commands=(FINETUNE,))
def _images_are_mixed_in_pairs(values: Mapping[str, Any]) -> Iterator[str]:
    batch_size = value_of(values, "optimizer.batch_size", 0)
    for key in _MIXING:
        if value_of(values, key) and batch_size % 2:
            yield (
                f"{key}={values[key]} mixes the images of a batch in pairs: make "
                f"optimizer.batch_size={batch_size} even"
            )


@_rule("data.pairs", "data.dataset", "method", commands=(PRETRAIN,))
def _pairs_have_one_source(values: Mapping[str, Any]) -> Iterator[str]:
    pairs = value_of(values, "data.pairs")
    if not pairs:
        return
    file, suffixes = pairs.get("file"), pairs.get("suffixes")
    if bool(file) == bool(suffixes):
        yield "data.pairs needs either a file or suffixes"
    dataset, where = value_of(values, "data.dataset"), pairs.get("where")
    if dataset in ARCHIVES:
        yield f"data.pairs needs images in files, and {dataset} is an archive"
    method = value_of(values, "method")
    if where not in (None, "second") and method not in (None, "leoclr"):
        yield f"data.pairs.where={where} must be second with method={method}"
    kinds = pairs.get("kinds")
    if kinds and not file:
        yield "data.pairs.kinds needs data.pairs.file, whose column kind names them"
    if kinds and method not in (None, *_LEVELLED):
        yield _only_levelled("data.pairs.kinds", method)
    negatives = [name for name, kind in (kinds or {}).items() if kind.get("negative")]
    if negatives and pairs.get("control"):
        yield (
            f"data.pairs.control=True pairs no two images, and data.pairs.kinds.{negatives[0]} has "
            "negative=True: leave out one of them"
        )


@_rule("method", "method_kwargs", commands=(PRETRAIN,))
def _self_paced_weights_are_of_two_methods(values: Mapping[str, Any]) -> Iterator[str]:
    settings, method = value_of(values, "method_kwargs.self_paced"), value_of(values, "method")
    if settings is None:
        return
    if method not in (None, *_LEVELLED):
        yield _only_levelled("method_kwargs.self_paced", method)
        return
    if value_of(values, "max_epochs") == -1 and value_of(values, "max_steps", -1) == -1:
        yield "method_kwargs.self_paced needs an end of the training: set max_epochs or max_steps"
    age, final_age = (
        settings.get(name, SelfPaced.model_fields[name].default) for name in ("age", "final_age")
    )
    if final_age is not None and final_age < age:
        yield f"method_kwargs.self_paced.final_age={final_age} must be at least its age={age}"


def _only_levelled(key: str, method: str) -> str:
    return f"{key} is for method={' and '.join(_LEVELLED)}: leave it out with method={method}"


@_rule("augmentations", commands=(PRETRAIN,))
def _a_mix_fills_its_grid(values: Mapping[str, Any]) -> Iterator[str]:
    for i, pipeline in enumerate(values.get("augmentations") or ()):
        mix = pipeline.get("mix")
        if mix is None:
            continue
        key, grid, copies = f"augmentations[{i}].mix", mix.get("grid", 2), mix.get("copies", 2)
        if (pipeline.get("rrc") or {}).get("enabled"):
            yield f"{key} crops by itself: set augmentations[{i}].rrc.enabled=False"
        if grid**2 % copies:
            yield f"{key}.copies={copies} must divide the {grid**2} tiles"
        size = pipeline.get("crop_size")
        if not isinstance(size, list):
            yield f"augmentations[{i}].crop_size={size} must be [height, width] with a mix"
        elif any(side % grid for side in size):
            yield f"augmentations[{i}].crop_size={size} must be a multiple of {key}.grid={grid}"


@_rule("augmentations", commands=(PRETRAIN,))
def _a_degradation_changes_something(values: Mapping[str, Any]) -> Iterator[str]:
    kinds = [name for name in Degrade.model_fields if name not in ("prob", "level")]
    for i, pipeline in enumerate(values.get("augmentations") or ()):
        degrade = pipeline.get("degrade")
        if degrade is not None and all(degrade.get(name) is None for name in kinds):
            yield f"augmentations[{i}].degrade changes nothing: give it {' or '.join(kinds)}"


@_rule("max_steps", commands=(DETECT,))
def _a_detector_trains_for_a_number_of_steps(values: Mapping[str, Any]) -> Iterator[str]:
    if value_of(values, "max_steps") == -1:
        yield "max_steps=-1 has no end: set the number of steps, such as max_steps=24000"


@_rule("rand_augment", "data.format", commands=(FINETUNE,))
def _dali_has_no_rand_augment(values: Mapping[str, Any]) -> Iterator[str]:
    if value_of(values, "rand_augment.num_ops") and value_of(values, "data.format") == "dali":
        yield "rand_augment needs data.format=image_folder: leave it out, or do not use dali"


_LEVELS = ("data.channels", "data.range")
_rule(*_LEVELS, "data.clip", "data.format", "data.dataset")(levels_can_be_read)
_rule("data.channels", "data.mean", "data.std", "augmentations")(normalisation_fits_channels)
_rule(*_LEVELS, "augmentations", commands=(PRETRAIN,))(augmentations_fit_channels)
_rule("method", "data.channels", commands=(PRETRAIN,))(method_takes_channels)
_rule("rand_augment", *_LEVELS, commands=(FINETUNE,))(rand_augment_has_bytes)
