"""Taking off the application's layer of tenancy. Needs nothing of a test run: servers too are planted with it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

import pytest
from django.conf import settings

from tags.models.tenant import TenantQuerySet

# As it stands in the raw SQL of tags/, with its comparison of two tables' organizations.
_RAW_FILTER = re.compile(r"\b(?:\w+\.)?organization_id = (?:%\(organization_id\)s|\w+\.organization_id)")
# Without its filter it would count up the streams of all tests' organizations.
_KEPT = {("tags.events.stream", "_APPEND")}


@contextmanager
def without_filters() -> Iterator[None]:
    """No queryset and no raw SQL of the application names the organization."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TenantQuerySet, "in_organization", lambda queryset, _: queryset.all())
        for module, name, statement in raw_filters():
            patch.setattr(module, name, _RAW_FILTER.sub("true", statement))
        yield


def raw_filters() -> list[tuple[ModuleType, str, str]]:
    """Every SQL constant of the application that filters by organization."""
    import_module(settings.ROOT_URLCONF)  # and with it all that answers requests
    return [
        (module, name, value)
        for module_name, module in list(sys.modules.items())
        if module_name.startswith("tags.") and ".migrations" not in module_name
        for name, value in vars(module).items()
        if isinstance(value, str) and _RAW_FILTER.search(value) and (module_name, name) not in _KEPT
    ]
