from tests.tenancy.filters import without_filters

_forgotten = without_filters()


def plant() -> None:
    """No queryset and no raw SQL names the organization."""
    _forgotten.__enter__()
