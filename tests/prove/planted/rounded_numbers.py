from tags.db import exact_json


def plant() -> None:
    """What Python's own reader makes of a number with a fraction or an exponent."""
    exact_json.exact_number = _rounded  # type: ignore[assignment]  # the bug


def _rounded(text: object) -> int | float:
    number = float(str(text))
    return int(number) if number.is_integer() else number
