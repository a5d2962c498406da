"""The live path: from a source's blocks to one result per window, on three threads with names.

    source -> BlockFifo -> StreamWorker (windows) -> Mailbox -> EmotionStage (models, gate)

The worker takes every sample, in order; only the model may be overtaken. A watchdog looks after
sources that can vanish.
"""

from realtime.listener.session import Listener

__all__ = ["Listener"]
