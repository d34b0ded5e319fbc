"""The tools of the other tests: taking a layer off really takes it off, and only that one."""

import psycopg
from django.db import connection

from tags.db.tenancy import in_organization
from tags.models import TaskTag
from tests.tenancy.conftest import Intruder
from tests.tenancy.filters import raw_filters, without_filters
from tests.tenancy.layers import without_policies
from tests.tenancy.things import Neighbour, tenant_tables


def organizations_seen(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(DISTINCT organization_id) FROM {table}")
        return int(cursor.fetchone()[0])


def test_without_policies_every_table_shows_both_organizations(
    intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    with without_policies(), in_organization(intruder.tenant.id):
        assert all(organizations_seen(table) > 1 for table in tenant_tables(owner))


def test_with_policies_every_table_shows_one(
    intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    with in_organization(intruder.tenant.id):
        assert {table: organizations_seen(table) for table in tenant_tables(owner)} == dict.fromkeys(
            tenant_tables(owner), 1
        )


def test_without_policies_the_application_has_its_own_privileges_and_no_more(
    intruder: Intruder, owner: psycopg.Connection
) -> None:
    with without_policies(), connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, True)
        cursor.execute("SELECT has_table_privilege('task_tag', 'DELETE'), has_table_privilege('event', 'UPDATE')")
        assert cursor.fetchone() == (False, False)


def test_without_policies_the_filters_are_in_place(intruder: Intruder, neighbour: Neighbour) -> None:
    with without_policies(), in_organization(intruder.tenant.id):
        seen = TaskTag.objects.in_organization(intruder.tenant.id).values_list("organization_id", flat=True)
        assert set(seen) == {intruder.tenant.id}
        assert TaskTag.objects.filter(organization_id=neighbour.tenant.id).exists()


def test_without_filters_a_queryset_asks_for_everybodys_rows() -> None:
    with without_filters():
        assert "WHERE" not in str(TaskTag.all_objects.in_organization(None).query)


def test_without_filters_no_raw_statement_names_the_organization() -> None:
    found = {name for _, name, _ in raw_filters()}
    assert {"_LOCK", "_READ", "_REMOVE", "_AFTER", "_DEPENDENTS", "_ACTIVE_TAGS", "WITH_TAGS_JSON"} <= found
    with without_filters():
        assert raw_filters() == []
