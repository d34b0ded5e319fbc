"""Sessions, stored under the hash of their key: who reads the database, or a dump of it, becomes nobody by that."""

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone


def _stored(session_key: str) -> str:
    """As long as the column is; 160 bits of it."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


class SessionStore(db.SessionStore):
    """Where Django's looks for the key or writes it, the hash is. (Its asynchronous half is not used.)"""

    def _get_session_from_db(self) -> Any:
        found = self.model.objects.filter(
            session_key=_stored(self.session_key or ""), expire_date__gt=timezone.now()
        ).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return self.model.objects.filter(session_key=_stored(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        session = super().create_model_instance(data)
        session.session_key = _stored(session.session_key)
        return session

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            self.model.objects.filter(session_key=_stored(key)).delete()
