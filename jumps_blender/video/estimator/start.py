"""Starts the process that estimates poses, in a Python that doesn't know this package: a script.

    python -I start.py [--path FOLDER]... [--idle SECONDS]

Each FOLDER is looked in for packages after Python's own folders.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

if sys.version_info < (3, 9):  # noqa: UP036 - the user may name any Python
    sys.exit("Python %d.%d is too old: 3.9 or later is needed." % sys.version_info[:2])  # noqa: UP031

# Python puts this folder first, where "frames" and other names of ours would hide packages.
here = Path(__file__).resolve().parent
sys.path[:] = [path for path in sys.path if not path or Path(path).resolve() != here]
name, root = "jumps_blender", here.parents[1]
spec = importlib.util.spec_from_file_location(
    name, root / "__init__.py", submodule_search_locations=[str(root)]
)
if spec is None or spec.loader is None:
    sys.exit(f"{root} cannot be imported; reinstall the add-on.")
sys.modules[name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[name])

if __name__ == "__main__":
    arguments = sys.argv[1:]
    pairs = list(zip(arguments[::2], arguments[1::2]))
    sys.path += [value for key, value in pairs if key == "--path" and value not in sys.path]
    worker = importlib.import_module(f"{name}.video.estimator.worker")
    worker.main(float(dict(pairs).get("--idle", worker.IDLE_SECONDS)))
