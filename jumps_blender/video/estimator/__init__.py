"""What runs in a pose estimator's own Python (3.9 or later): frames in, poses out.

Of the rest of the package only ``errors.py``, ``processes/messages.py`` and
``processes/server.py`` are imported, which hold themselves to that Python too.
"""
