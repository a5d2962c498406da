"""Arrays that clients send as files of NumPy: never unpickled, and no larger than what came."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from attune.api.problems import HttpProblem


def read_npy(content: bytes) -> npt.NDArray[np.floating[Any]]:
    """Floats of a file that `numpy.save` wrote.

    The header is compared with the body before anything is made of it: NumPy's own reader makes room for
    whatever the header says.

    Raises
    ------
    HttpProblem
        422: it is no such file, or holds no floats.
    """
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(file)
    except Exception as error:  # whatever parsing a hostile header may raise
        raise _no_array(f"its header cannot be read ({type(error).__name__})") from error
    body = content[file.tell() :]
    if dtype.kind != "f":
        raise _no_array(f"it holds {dtype}, not floats")
    if math.prod(shape) * dtype.itemsize != len(body):
        raise _no_array(f"its header says {shape} of {dtype}, and {len(body)} bytes follow")
    try:
        return np.frombuffer(body, dtype=dtype).reshape(shape, order="F" if fortran else "C")
    except ValueError as error:  # a side that is negative or too long
        raise _no_array(f"its header says {shape}") from error


def _no_array(why: str) -> HttpProblem:
    return HttpProblem(422, f"This is no array of floats as numpy.save writes it: {why}.")
