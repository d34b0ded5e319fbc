"""What the inbox's script says. A word in braces is filled in there."""

from django.utils.translation import gettext_lazy as _

from tags.review.words import per_language

_WORDS = {
    "approve": _("Approved"),
    "reject": _("Rejected"),
    "flag": _("Flagged"),
    "deciding": _("Saving…"),
    "one": _("{what}: {task}"),
    "many": _("{what}: {count} tasks"),
    "unchanged": _("{count} of {all} were so already."),
    "tagged_one": _("Tags changed on 1 task"),
    "tagged": _("Tags changed on {count} tasks"),
    "nothing_changed": _("Nothing changed: it was so already."),
    "partly": _("{done} of {all} are done, then: {problem}"),
    "stopped": _("stopped."),
    "stop": _("Stop"),
    "clear": _("Clear"),
    "progress": _("{done} of {all}…"),
    "selected": _("{count} selected"),
    "selected_one": _("1 selected"),
    "none_to_decide": _("Choose a task first: j and k move, x selects."),
    "nothing_to_undo": _("There is nothing of yours on this page to take back."),
    "was_decided": _("{who} decided this just now. Open it to look before you decide again."),
    "was_yours": _("You decided this just now, elsewhere. Open it to look before you decide again."),
    "by_approved": _("approved by {who} just now"),
    "by_rejected": _("rejected by {who} just now"),
    "by_other": _("no longer waits, by {who} just now"),
    "gone": _("its run was deleted by {who} just now"),
    "open_at": _("{who} has this open"),
    "you": _("you"),
    "somebody": _("somebody"),
    "new_one": _("1 new task waits"),
    "new_many": _("{count} new tasks wait"),
    "new_narrowed": _("(your filter may leave some out)"),
    "show_them": _("Show"),
    "stale": _("This list is no longer complete. Load it again."),
    "load_again": _("Load again"),
    "select_all_matching": _("Select all {count} that match"),
    "all_selected": _("All {count} that match are selected."),
    "first_selected": _("The first {count} that match are selected; there are more."),
    "loading": _("Loading…"),
    "no_tag_there": _("None of these tasks has that tag."),
    "all_done_more": _("You decided {count} tasks here. Nothing more on this list waits."),
    "page_failed": _("The next tasks could not be loaded. Try again."),
    "looked": _("{count} found among {looked} looked at so far."),
    "looked_all": _("{count} found; that was the whole list."),
    "minutes": _("{number} min"),
    "hours": _("{number} h"),
    "days": _("{number} d"),
    "now": _("now"),
}


@per_language
def words() -> dict[str, str]:
    return {name: str(word) for name, word in _WORDS.items()}
