"""The one error that users see: a single line that says what was wrong, where, and what to do."""


class JumpsError(Exception):
    """Bad input or an environment that cannot do what was asked.

    The command line prints it and exits with code 2; operators report it as an error. Everything
    else that escapes is a bug of ours.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
