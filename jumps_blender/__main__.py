"""``python -m jumps_blender`` is the ``jumps`` command."""

import sys

from .cli import main

sys.exit(main())
