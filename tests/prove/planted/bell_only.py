from tags.live import hub


def plant() -> None:
    """What is missed while nobody hears the bell is gone: no poll behind it, and no reading of what was missed."""
    hub.POLL = 1e6
    hub.Hub._catch_up = _join_at_once  # type: ignore[method-assign]  # the bug


async def _join_at_once(self: hub.Hub, feed: hub.Feed, subscription: hub.Subscription) -> None:
    subscription.position, subscription.catching_up = feed.position, None
    feed.live.add(subscription)
