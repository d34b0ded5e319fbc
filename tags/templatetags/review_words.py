"""Words of stored values, in the reader's language."""

from django import template

from tags.review.words import status_word

register = template.Library()
register.filter(status_word)
