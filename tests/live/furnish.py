"""Puts an organization with a task into the database of the environment, and prints how to get at it."""

import json

import django

if __name__ == "__main__":
    django.setup()
    from tests.cast import Tenant

    tenant = Tenant.create()
    execution = tenant.execution("extract")
    print(json.dumps({"token": tenant.token, "flow_execution_id": str(execution.id)}))
