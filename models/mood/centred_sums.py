"""Moving sums over a stream of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class CentredSums:
    """Moving sums over a stream of rows, each over a row and its neighbours; fewer at both ends.

    Parameters
    ----------
    radius
        Neighbours on each side.
    width
        Length of a row.
    """

    def __init__(self, radius: int, width: int) -> None:
        self._radius = radius
        self._rows = np.zeros((radius, width), dtype=np.float32)

    def push(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Add the next rows, and return the sums that are complete now, shape (m, width).

        Parameters
        ----------
        rows
            float32, shape (n, width).
        """
        rows = np.concatenate([self._rows, rows])
        ready = max(0, len(rows) - 2 * self._radius)
        sums = np.zeros((ready, rows.shape[1]), dtype=np.float32)
        for shift in range(2 * self._radius + 1):
            sums += rows[shift : shift + ready]
        self._rows = rows[ready:]
        return sums

    def finish(self) -> npt.NDArray[np.float32]:
        """Sums of the last rows, at most `radius` of them."""
        return self.push(np.zeros((self._radius, self._rows.shape[1]), dtype=np.float32))
