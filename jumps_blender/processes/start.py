"""Starts a worker process, in a Python that doesn't know this package: a script, no module.

    python -I start.py MODULE OLDEST [--path FOLDER]... [--idle SECONDS]

MODULE is of this package, such as ``model_runtime.worker``, and has a ``main`` that serves; OLDEST
is the Python that it needs, such as ``3.11``. Each FOLDER is looked in for packages after Python's
own folders. Run without being the main program, it only makes the package importable.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

# Python puts this folder first, where "messages" and other names of ours would hide packages.
here = Path(__file__).resolve().parent
sys.path[:] = [path for path in sys.path if not path or Path(path).resolve() != here]
name, root = "jumps_blender", here.parent

if __name__ == "__main__":
    module, oldest, *options = sys.argv[1:]
    if sys.version_info < tuple(map(int, oldest.split("."))):
        this = "%d.%d" % sys.version_info[:2]  # noqa: UP031 - the user may name any Python
        sys.exit("Python %s is too old: %s or later is needed." % (this, oldest))  # noqa: UP031

spec = importlib.util.spec_from_file_location(
    name, root / "__init__.py", submodule_search_locations=[str(root)]
)
if spec is None or spec.loader is None:
    sys.exit(f"{root} cannot be imported; reinstall the add-on.")
sys.modules[name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[name])

if __name__ == "__main__":
    pairs = list(zip(options[::2], options[1::2]))
    sys.path += [value for key, value in pairs if key == "--path" and value not in sys.path]
    worker = importlib.import_module(f"{name}.{module}")
    worker.main(float(dict(pairs).get("--idle", worker.IDLE_SECONDS)))
