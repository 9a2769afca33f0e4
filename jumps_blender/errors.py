"""What users see when something fails: one line, what was wrong, where, and what to do."""

FLAT = "This result is flat: upsample it again with Lift to 3D."  # said in many places


class JumpsError(Exception):
    """Bad input or an environment that cannot do what was asked.

    The command line prints it and exits with code 2; operators report it as an error. Everything
    else that escapes is a bug of ours.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class WorkCancelledError(JumpsError):
    """Whoever asked for the work doesn't want it any more."""

    def __init__(self) -> None:
        super().__init__("Cancelled.")
