"""The product's settings, but passwords hash in no time: the tests log in more often than people do."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tagsite.settings import *  # noqa: F403  # all of them


class QuickHasher(PBKDF2PasswordHasher):
    iterations = 1


PASSWORD_HASHERS = ["tests.settings.QuickHasher"]
