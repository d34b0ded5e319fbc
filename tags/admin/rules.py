"""Review rules in the admin."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib.admin import display, register
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.formats import localize
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tags.actions.dry_run import EXAMPLES, MOST_LOOKED_AT, matches_of_last_week
from tags.actions.rules import change_rule, check_rule, create_rule, delete_rule
from tags.admin import shown
from tags.admin.shown import pretty
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin, as_uuid
from tags.db import exact_json
from tags.errors import Detail, Invalid
from tags.models import ProcessingStatus, ReviewRule
from tags.models.rule import EXPRESSION_LENGTH

_LONGEST_TAGS = 100_000
# The largest magnitude of a double (IEEE 754), as in the API.
_MAX_DIGITS = 308

_EXAMPLE_TAGS = [{"tag": "requires_attention", "tag_type": "review"}]

_ACTIVE = shown.yes_or_no("is_active", _("active"), "is_active")


class TagsField(forms.CharField):
    """JSON as text, with exact numbers."""

    widget = forms.Textarea(attrs={"rows": 6, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        """As text, unless it is what a person typed."""
        return value if isinstance(value, str) else pretty(value)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return []
        if len(text) > _LONGEST_TAGS:
            raise ValidationError(gettext("More than %d characters.") % _LONGEST_TAGS)
        try:
            return json.loads(text, parse_float=_number, parse_int=_integer, parse_constant=_constant)
        except json.JSONDecodeError as error:
            where = {"line": error.lineno, "column": error.colno}
            raise ValidationError(gettext("Not JSON at line %(line)d, column %(column)d.") % where) from error
        except (ValueError, ArithmeticError) as error:
            raise ValidationError(_("A number in it is none, or is out of range.")) from error
        except RecursionError as error:
            raise ValidationError(_("It is nested too deep.")) from error

    def validate(self, value: Any) -> None:
        """Left to check_rule, as is what CharField's validators look for."""

    run_validators = validate


def _number(text: str) -> Any:
    number = Decimal(text)
    if len(text) > _MAX_DIGITS or (number and abs(number.adjusted()) > _MAX_DIGITS):
        raise ValueError(text)
    return exact_json.exact_number(number)


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(text)
    return int(text)


def _constant(name: str) -> Any:
    raise ValueError(name)


class RateField(forms.DecimalField):
    def prepare_value(self, value: Any) -> Any:
        """As a person would write it: the column's has six decimals always."""
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic when it runs
    statuses = forms.MultipleChoiceField(
        choices=ProcessingStatus.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Statuses"),
        help_text=_("Nothing chosen means the ended ones: completed, failed, cancelled."),
    )
    expression = forms.CharField(
        required=False,
        max_length=EXPRESSION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        label=_("Expression"),
        help_text=_(
            "JMESPath over flow, task, idx, status, input, output, error and duration (seconds); empty means always."
            " Texts stand in 'single quotes', numbers in `backticks`: error && duration > `60`. The manual has more:"
            " docs/rules.md."
        ),
    )
    tags = TagsField(
        initial=_EXAMPLE_TAGS,
        required=False,
        label=_("Tags"),
        help_text=_('A list of 1 to 10 such as {"tag": "…", "tag_type": "…", "tag_metadata": any JSON}.'),
    )

    class Meta:
        model = ReviewRule
        fields = (
            "name",
            "is_active",
            "flow_pattern",
            "task_pattern",
            "statuses",
            "expression",
            "sampling_rate",
            "tags",
        )
        field_classes = {"sampling_rate": RateField}
        labels = {
            "name": _("Name"),
            "is_active": _("Active"),
            "flow_pattern": _("Flow pattern"),
            "task_pattern": _("Task pattern"),
            "sampling_rate": _("Sampling rate"),
        }
        help_texts = {
            "is_active": _("It looks at what changes from now on, and at nothing from before."),
            "flow_pattern": _("The flow's name; * stands for any text and ? for one character. Empty means any flow."),
            "task_pattern": _("The task's name, in the same way: extract_fields[*] are the runs of a mapped task."),
            "sampling_rate": _("From 0 to 1: 0.05 is a sample of one in twenty, always the same ones."),
        }

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or self.cleaned_data
        try:
            check_rule(fields)
        except Invalid as invalid:
            for entry in cast(Sequence[Detail], invalid.details):
                _body, name, *place = entry["loc"]
                self.add_error(str(name), _sentence(place, entry["msg"]))
        return fields


def _sentence(place: list[str | int], message: str) -> str:
    """Where people count from one, and what is wrong there."""
    where = ", ".join(gettext("Tag %d") % (part + 1) if isinstance(part, int) else part for part in place)
    words = f"{where} {message}" if where else message
    return f"{words[0].upper()}{words[1:]}."


@register(ReviewRule, site=site)
class RuleAdmin(TenantAdmin):
    may_add = may_change = may_delete = True
    form = RuleForm
    list_display = ("name", _ACTIVE, "flows", "tasks", "share", "puts_on", "fired")
    list_filter = ("is_active",)
    search_fields = ("name", "flow_pattern", "task_pattern", "expression")
    date_hierarchy = "created_at"
    ordering = ("name", "id")
    sortable_by = ("name", _ACTIVE, "flows", "tasks", "share", "fired")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_fired_count()

    @display(description=_("flow"), ordering="flow_pattern")
    def flows(self, rule: ReviewRule) -> Any:
        return rule.flow_pattern or _("any")

    @display(description=_("task"), ordering="task_pattern")
    def tasks(self, rule: ReviewRule) -> Any:
        return rule.task_pattern or _("any")

    @display(description=_("share"), ordering="sampling_rate")
    def share(self, rule: ReviewRule) -> str:
        return f"{localize((rule.sampling_rate * 100).normalize())} %"

    @display(description=_("tags"))
    def puts_on(self, rule: ReviewRule) -> str:
        return ", ".join(f"{tag['tag_type']}:{tag['tag']}" for tag in rule.tags)

    @display(description=_("fired for"), ordering="fired")
    def fired(self, rule: Any) -> str:
        return shown.list_link("rulefiring", rule.fired, rule=rule.id)

    def save_model(self, request: HttpRequest, obj: ReviewRule, form: Any, change: bool) -> None:
        organization_id = caller_of(request).organization_id
        fields = {name: form.cleaned_data[name] for name in RuleForm.Meta.fields}
        if change:
            change_rule(organization_id, obj.id, fields)
        else:
            create_rule(organization_id, fields, obj.id)

    def delete_model(self, request: HttpRequest, obj: ReviewRule) -> None:
        delete_rule(caller_of(request).organization_id, obj.id)

    def get_urls(self) -> list[URLPattern]:
        dry_run = self.admin_site.admin_view(self.dry_run)
        return [path("dry-run/", dry_run, name="tags_reviewrule_dry_run"), *super().get_urls()]

    def dry_run(self, request: HttpRequest) -> HttpResponse:
        """What the rule in the form, saved or not, would have matched."""
        if request.method != "POST":
            raise Http404
        form = RuleForm(request.POST)
        context = {**site.each_context(request), "opts": self.opts, "form": form, "title": _("Dry run")}
        if form.is_valid():
            rule = form.instance
            rule.id = as_uuid(request.POST.get("rule", "")) or rule.id  # which runs a sample holds depends on it
            found = matches_of_last_week(caller_of(request).organization_id, rule)
            context |= {"rule": rule, "found": found, "most_examples": EXAMPLES, "most": MOST_LOOKED_AT}
        return TemplateResponse(request, "admin/tags/reviewrule/dry_run.html", context)
