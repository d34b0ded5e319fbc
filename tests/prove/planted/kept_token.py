from tags.actions import credentials, service_accounts


def plant() -> None:
    """API keys are stored as they are."""
    service_accounts.token_digest = str.encode
    credentials.token_digest = str.encode
