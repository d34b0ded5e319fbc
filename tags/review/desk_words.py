"""What the script of every page says (tags/static/tags/desk.js). A word in braces is filled in there."""

from django.utils.translation import gettext as _

from tags.review.words import per_language


@per_language
def words() -> dict[str, str]:
    return {
        "answered": _("The server answered {status}."),
        "unreachable": _("The server cannot be reached. Nothing is known to have changed; try again."),
        "undo": _("Undo"),
        "undone": _("Taken back."),
        "log_in": _("Log in"),
    }
