"""Seeded damage to the bytes of files."""

from __future__ import annotations

import numpy as np


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut a file, zero or repeat or remove a block of it, flip bits, or overwrite a number."""
    if not content:
        return rng.bytes(int(rng.integers(1, 40)))
    size, changed = len(content), bytearray(content)
    start = int(rng.integers(size))
    end = min(size, start + int(rng.integers(1, 200)))
    kind = rng.integers(6)
    if kind == 0:
        return content[:start]
    if kind == 1:
        changed[start:end] = bytes(end - start)
    elif kind == 2:
        del changed[start:end]
    elif kind == 3:
        changed[start:start] = content[start:end]
    elif kind == 4:
        # Headers have their sizes and counts at the beginning.
        for place in rng.integers(min(size, 64), size=2):
            changed[place] = int(rng.choice([0, 1, 127, 128, 255]))
    else:
        for place in rng.integers(size, size=int(rng.integers(1, 20))):
            changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)
