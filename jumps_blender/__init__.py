"""JUMPS for Blender: 2D pose files in, complete and animated 28-joint characters out.

The same package is a Blender extension, a command line (``jumps``) and a library. Importing it
needs nothing beyond the standard library; Blender calls ``register`` and ``unregister``.
"""

__version__ = "0.2.0"


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import addon

    addon.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    from . import addon

    addon.unregister()
