"""What the real solo-learn breaks on with current libraries, mended from outside.

Each function is a no-op where nothing is broken.
"""

from __future__ import annotations

from typing import Any

from torchmetrics import Metric


def mend_knn_classifier(WeightedKNNClassifier: type) -> None:
    """Let the host's kNN be built under torchmetrics 1.x.

    It passes ``compute_on_step=False`` to ``Metric``, an argument that was ignored since
    torchmetrics 0.9 and is refused since 1.0.
    """

    class WithoutComputeOnStep(Metric):
        def __init__(self, compute_on_step: bool = False, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    try:
        WeightedKNNClassifier()
    except ValueError:
        WeightedKNNClassifier.__bases__ = (WithoutComputeOnStep,)
