from django.apps import AppConfig
from django.db.backends.signals import connection_created


class TagsConfig(AppConfig):
    name = "tags"
    verbose_name = "Tagsite"

    def ready(self) -> None:
        from tags.db.roles import refuse_powerful_role
        from tags.events.stream import recorded
        from tags.live.bell import ring_for
        from tags.metrics import count_statements

        connection_created.connect(refuse_powerful_role, dispatch_uid="refuse_powerful_role")
        connection_created.connect(count_statements, dispatch_uid="count_statements")
        recorded.connect(ring_for, dispatch_uid="ring_for")
