"""Which views of a training with pairs show the image, and which show its partner."""

from __future__ import annotations

from collections.abc import Sequence

from leoclr_plugin.data.views import View

SECOND, BOTH, ORIGINALS = "second", "both", "originals"
# What a view shows, as a place in ``Shown.images``.
OWN, PARTNER, NEGATIVE = 0, 1, 2


def views_with_pairs(views: Sequence[View], where: str, negatives: bool = False) -> list[View]:
    """Return the views of a training with pairs.

    Args:
        views: the views of the augmentations.
        where: ``originals`` adds the partner's original.
        negatives: add a view of the negative, which is made like the first view.
    """
    added = [views[-1]] if where == ORIGINALS else []
    return [*views, *added, *([views[0]] if negatives else [])]


def shows(where: str, crops: int, views: int, negatives: bool = False) -> tuple[int, ...]:
    """Return what each view shows: ``OWN``, ``PARTNER`` or ``NEGATIVE``.

    Args:
        where: the value of ``data.pairs.where``.
        crops: how many of the first views are crops.
        views: the number of views of ``views_with_pairs``.
        negatives: whether the last one shows the negative.
    """
    count = views - negatives
    of_partner = {
        SECOND: lambda view: view == crops - 1,
        BOTH: lambda view: view < crops,
        ORIGINALS: lambda view: view == count - 1,
    }[where]
    return (*(PARTNER if of_partner(v) else OWN for v in range(count)), *[NEGATIVE] * negatives)
