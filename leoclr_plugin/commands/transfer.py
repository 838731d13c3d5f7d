"""Train logistic regressions on frozen features of other data sets, and write one table of runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leoclr_plugin.commands.networks import NETWORK_HELP, add_loading_arguments, open_network
from leoclr_plugin.commands.results import add_out_argument, results_folder
from leoclr_plugin.commands.shared import words_list
from leoclr_plugin.terminal import say, say_text

if TYPE_CHECKING:
    from leoclr_plugin.commands.networks import Network
    from leoclr_plugin.evaluation.transfer_sets import TransferSet

EXAMPLE = "leoclr transfer trained_models/leoclr/offline-1a2b3c4d --datasets pets,cifar10,photos"
_FILE = "transfer.json"
_DEFAULT_FOLDER = Path("transfer")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help=NETWORK_HELP)
    parser.add_argument(
        "--datasets",
        required=True,
        type=words_list,
        metavar="NAME,FOLDER",
        help="caltech101, flowers102, pets, dtd, food101, aircraft, cifar10, cifar100, stl10, "
        "eurosat, or folders that hold train and val, each with class folders or a labels.csv",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("datasets"),
        metavar="FOLDER",
        help="folder that holds the named data sets, as torchvision lays them out",
    )
    parser.add_argument(
        "--download", action="store_true", help="fetch the named data sets that are missing"
    )
    add_loading_arguments(parser)
    add_out_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Measure each run on each data set, print the table and write it."""
    from leoclr_plugin.commands.transfer_table import table_of, write_table
    from leoclr_plugin.evaluation.transfer_sets import open_transfer_set
    from leoclr_plugin.report.tables import text_table
    from leoclr_plugin.system.files import read_json

    networks = [open_network(name) for name in dict.fromkeys(args.runs)]
    # Open all data sets before the first is measured, so that a missing one costs no time.
    sets = {
        levels: [
            open_transfer_set(name, args.data, args.download, args.num_workers, levels)
            for name in args.datasets
        ]
        for levels in {network.levels for network in networks}
    }
    alone = networks[0].folder if len(networks) == 1 else None
    folder = results_folder(args.out, alone or _DEFAULT_FOLDER)
    path = folder / _FILE
    earlier = read_json(path).get("results", []) if path.is_file() else []
    results: list[dict[str, Any]] = []
    for network in networks:
        for data in sets[network.levels]:
            result = _measure(network, data, args, earlier, path)
            results.append(result)
            say(_in_words(result))
            write_table(folder, [*results, *_others(earlier, results)])
    say()
    say_text(text_table(*table_of(results)))
    names = ", ".join(path.with_suffix(end).name for end in (".csv", ".html"))
    say(f"Written to {path}, {names}")


def _measure(
    network: Network,
    data: TransferSet,
    args: argparse.Namespace,
    earlier: list[dict[str, Any]],
    path: Path,
) -> dict[str, Any]:
    from leoclr_plugin.checkpoints.weights import fingerprint
    from leoclr_plugin.evaluation.transfer import transfer
    from leoclr_plugin.evaluation.transfer_sets import set_features

    measured = {
        "run": network.name,
        "checkpoint": Path(str(network.source)).name,
        "weights": fingerprint(network.method.backbone.state_dict()),
        "size": list(network.size),
        "dataset": data.name,
        "train_images": len(data.train),
        "test_images": len(data.test),
    }
    known = next((one for one in earlier if measured.items() <= one.items()), None)
    if known is not None:
        say(f"{path} has this already; remove the file to measure it again:")
        return known
    features = set_features(
        network.method,
        data,
        network.size,
        network.mean_and_std,
        args.batch_size,
        args.num_workers,
        network.source,
    )
    result = transfer(*features, data.metric, data.validation, data.classes, data.name)
    return {**measured, **result}


def _others(earlier: list[dict[str, Any]], results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the earlier results that the new ones do not replace."""
    keys = ("run", "dataset")
    replaced = {tuple(result[key] for key in keys) for result in results}
    return [one for one in earlier if tuple(one[key] for key in keys) not in replaced]


def _in_words(result: dict[str, Any]) -> str:
    doubt = "" if result["converged"] else ", not converged"
    return (
        f"{result['run']} on {result['dataset']}: {result['metric']} {result['value']:.2f} ± "
        f"{result['standard_error']:.2f} % (strength {result['strength']:.3g}{doubt})"
    )
