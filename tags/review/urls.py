"""The desk's paths."""

from django.urls import path

from tags.review import decisions

urlpatterns = [
    path("decisions", decisions.decide, name="decide"),
    path("decisions/tags", decisions.change_tags, name="change-tags"),
    path("decisions/<uuid:group_id>/undo", decisions.undo, name="undo"),
]
