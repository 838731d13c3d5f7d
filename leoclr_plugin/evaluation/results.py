"""What an evaluation found, as a number and as a line."""

from __future__ import annotations

from typing import Any


def headline(result: dict[str, Any]) -> float:
    """The figure that an evaluation is compared by: mAP or top-1 accuracy, in percent."""
    return result["mAP"] if "mAP" in result else result["top1"]


def in_words(result: dict[str, Any]) -> str:
    """The figures of an evaluation: ``top-1 61.80 %, top-5 95.20 %``, or ``mAP 19.50 %``.

    Classes that no validation image shows are named: the mean leaves them out.
    """
    if "mAP" not in result:
        return f"top-1 {result['top1']:.2f} %, top-5 {result['top5']:.2f} %"
    left_out = [str(name) for name, precision in result["AP"].items() if precision is None]
    note = f" (without {', '.join(left_out)}, which no image shows)" if left_out else ""
    return f"mAP {result['mAP']:.2f} %{note}"
