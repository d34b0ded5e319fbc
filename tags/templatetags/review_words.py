"""Words of stored values, in the reader's language."""

from django import template

from tags.review.words import status_word, time_mark

register = template.Library()
register.filter(status_word)
register.filter(time_mark)
