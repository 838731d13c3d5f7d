"""Write a run's metrics.csv so that a full disk leaves no part of a row."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.loggers.logger import rank_zero_experiment

from leoclr_plugin.errors import UserError, of_file
from leoclr_plugin.system.files import whole_file


class _Writer(ExperimentWriter):
    """Lightning's writer, but a write that fails or is killed leaves the earlier rows whole."""

    _whole = 0  # bytes of the file up to the last row that was written before

    def save(self) -> None:
        """Append the rows that are waiting; a new column writes the file anew.

        Raises:
            UserError: if they cannot be written, for example because the disk is full. They keep
                waiting.
        """
        path, columns = Path(self.metrics_file_path), list(self.metrics_keys)
        self._whole = path.stat().st_size if path.exists() else 0
        try:
            super().save()
        except UserError:
            # The new columns are not in the file.
            self.metrics_keys = columns
            raise
        except OSError as error:
            if self._whole:
                os.truncate(path, self._whole)
            else:
                path.unlink(missing_ok=True)
            raise UserError(of_file(path, error)) from error

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        path = Path(self.metrics_file_path)
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        with whole_file(path) as part, part.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames)
            writer.writeheader()
            writer.writerows(rows)
        self._whole = path.stat().st_size


class MetricsFile(CSVLogger):
    """Lightning's CSVLogger, whose file is whole after a failure; see ``_Writer``."""

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The writer of the file."""
        if self._experiment is None:
            self._experiment = _Writer(log_dir=self.log_dir)
        return self._experiment
