"""How Python's garbage collector is kept from work that finds nothing."""

from __future__ import annotations

import gc


def spare_the_collector() -> None:
    """Leave out of every later collection the 200,000 objects made so far, which stay: a third of a drain's time.

    A batch is tens of thousands of objects that are gone with it: no cause for looking at them seventy times.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
