"""The result of an evaluation as a single figure and as a line of text."""

from __future__ import annotations

from typing import Any


def headline(result: dict[str, Any]) -> float:
    """Return the figure that results are compared by: mAP or top-1 accuracy, in percent."""
    return result["mAP"] if "mAP" in result else result["top1"]


def in_words(result: dict[str, Any]) -> str:
    """Write a result as ``top-1 61.80 %, top-5 95.20 %`` or ``mAP 19.50 %``.

    The text names classes that no validation image shows, because the mean leaves them out.
    """
    if "mAP" not in result:
        return f"top-1 {result['top1']:.2f} %, top-5 {result['top5']:.2f} %"
    left_out = [str(name) for name, precision in result["AP"].items() if precision is None]
    note = f" (without {', '.join(left_out)}, which no image shows)" if left_out else ""
    return f"mAP {result['mAP']:.2f} %{note}"
