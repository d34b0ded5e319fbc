"""Why something a producer sent is not usable."""


class Rejected(Exception):
    """The producer's mistake, told so that a person can act on it; sending the same again will not help.

    `code` is a short slug to count by; `message` never repeats what was sent at length.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
