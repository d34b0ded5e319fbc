"""The desk's paths."""

from django.urls import path

from tags.review import (
    account,
    activity,
    correction,
    decisions,
    inbox,
    insights,
    insights_files,
    palette,
    people,
    run,
    task,
    task_values,
)

urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("inbox/matching", inbox.matching, name="inbox-matching"),
    path("inbox/tags", inbox.tags_of, name="inbox-tags"),
    path("people", people.name_of, name="people"),
    path("palette", palette.palette, name="palette"),
    path("account", account.account, name="account"),
    path("account/organization", account.work_in, name="work-in"),
    path("account/email", account.change_email, name="change-email"),
    path("account/password", account.ChangePassword.as_view(), name="change-password"),
    path("decisions", decisions.decide, name="decide"),
    path("decisions/tags", decisions.change_tags, name="change-tags"),
    path("decisions/<uuid:group_id>/undo", decisions.undo, name="undo"),
    path("tasks/<uuid:id>", task.task, name="task"),
    path("tasks/<uuid:id>/history", task.task_history, name="task-history"),
    path("tasks/<uuid:id>/tags", task.change_tag, name="change-tag"),
    path("tasks/<uuid:id>/correct", correction.correct, name="correct"),
    path("tasks/<uuid:id>/values/<str:name>", task_values.task_value, name="task-value"),
    path("activity", activity.activity, name="activity"),
    path("activity/changes", activity.activity_changes, name="activity-changes"),
    path("activity/news", activity.activity_news, name="activity-news"),
    path("insights", insights.insights, name="insights"),
    path("insights/<slug:name>.csv", insights_files.insights_file, name="insights-file"),
    path("runs/<uuid:id>", run.run, name="run"),
    path("runs/<uuid:id>/input", task_values.run_value, name="run-value"),
]
