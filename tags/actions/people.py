"""What people choose for themselves; it holds in every organization that they belong to."""

from uuid import UUID

from tags.models import Theme, User


def change_preferences(user_id: UUID, language: str, time_zone: str, theme: Theme) -> None:
    """How pages are shown to the person. An empty language or time zone leaves it to the browser."""
    User.objects.filter(id=user_id).update(language=language, time_zone=time_zone, theme=theme)


def change_theme(user_id: UUID, theme: Theme) -> None:
    """Light, dark, or as the device has it."""
    User.objects.filter(id=user_id).update(theme=theme)


def change_email(user_id: UUID, email: str) -> None:
    """Where the person's mail goes: links that set a new password. Empty: nowhere."""
    User.objects.filter(id=user_id).update(email=email)
