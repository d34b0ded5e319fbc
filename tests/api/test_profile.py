"""GET /api/profile/me: who am I."""

from tests.cast import Tenant

PATH = "/api/profile/me"


def test_a_person_sees_their_name_their_organizations_and_what_they_may_do(tenant: Tenant) -> None:
    assert tenant.api("reviewer").get(PATH).json() == {
        "kind": "user",
        "id": str(tenant.reviewer.id),
        "username": tenant.reviewer.username,
        "organization": {"id": str(tenant.id), "name": "Acme"},
        "organizations": [{"id": str(tenant.id), "name": "Acme", "role": "reviewer"}],
        "permissions": ["correct", "read", "tag"],
    }


def test_a_person_of_several_organizations_sees_them_all_and_the_one_they_work_in(
    tenant: Tenant, neighbour: Tenant
) -> None:
    neighbour.api("admin").post("/api/members", {"username": tenant.reviewer.username, "role": "viewer"})
    profile = tenant.api("reviewer").get(PATH).json()
    assert profile["organization"]["name"] == "Acme"
    assert [(entry["name"], entry["role"]) for entry in profile["organizations"]] == [
        ("Acme", "reviewer"),
        ("Neighbour", "viewer"),
    ]


def test_a_program_sees_its_organization_and_what_it_may_do(tenant: Tenant) -> None:
    profile = tenant.api("program").get(PATH).json()
    assert (profile["kind"], profile["username"], profile["organizations"]) == ("service_account", None, [])
    assert profile["organization"] == {"id": str(tenant.id), "name": "Acme"}
    assert profile["permissions"] == ["correct", "ingest", "read", "tag"]
