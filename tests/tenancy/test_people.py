"""People are nobody's: one person may be in many organizations, and none learns of the others."""

import time
from uuid import UUID

from tests.tenancy.conftest import Intruder
from tests.tenancy.things import Ids, Neighbour


def test_the_members_of_an_organization_are_its_own(intruder: Intruder, neighbour: Neighbour) -> None:
    members = neighbour.tenant.api("admin").get("/api/members").json()["members"]
    people = (neighbour.tenant.admin, neighbour.tenant.reviewer, neighbour.tenant.viewer)
    assert {member["username"] for member in members} == {person.username for person in people}


def test_a_person_in_two_organizations_is_shown_each_role_by_its_own(neighbour: Neighbour) -> None:
    other = Neighbour.create()
    newcomer = {"username": neighbour.ids.username, "role": "admin"}
    member = other.tenant.api("admin").post("/api/members", newcomer).json()

    assert (member["role"], member["id"] == neighbour.ids.member) == ("admin", False)
    assert role_of(neighbour, neighbour.ids.username) == "viewer"


def role_of(organization: Neighbour, username: str) -> str:
    members = organization.tenant.api("admin").get("/api/members").json()["members"]
    return str(next(member["role"] for member in members if member["username"] == username))


def test_an_added_persons_id_does_not_tell_since_when_they_are_known(intruder: Intruder, neighbour: Neighbour) -> None:
    """Or an admin could try which user names other organizations have."""
    time.sleep(0.01)
    asked_at = time.time() * 1000
    for username in (neighbour.ids.username, Ids.of_nobody().username):
        member = intruder.callers["admin"].post("/api/members", {"username": username, "role": "viewer"}).json()
        user_id = UUID(member["user_id"])
        assert user_id.version != 7 or user_id.int >> 80 >= int(asked_at)
