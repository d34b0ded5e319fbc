"""Review rules: which runs a person should look at."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinLengthValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from tags.db.exact_json import ExactJSONField
from tags.models.execution import FLOW_NAME_LENGTH, TASK_NAME_LENGTH, FlowExecution
from tags.models.tenant import TenantKey, TenantModel, TenantQuerySet

RULE_NAME_LENGTH = 200
EXPRESSION_LENGTH = 2_000


class ReviewRuleQuerySet(TenantQuerySet):
    def with_fired_count(self) -> "ReviewRuleQuerySet":
        """`fired`: how many task executions carry the rule's mark now."""
        # Named by organization too, as every subquery here: ids may be the same in two.
        firings = RuleFiring.objects.filter(
            organization_id=models.OuterRef("organization_id"), rule_id=models.OuterRef("id"), taken_back=False
        )
        counted = firings.order_by().values("rule_id").annotate(count=models.Count("*")).values("count")
        result: ReviewRuleQuerySet = self.annotate(fired=Coalesce(models.Subquery(counted), 0))
        return result


class ReviewRule(TenantModel):
    """Puts its tags on every task execution that it matches. `tags/actions/rules.py` says what matches.

    `tags` is a list of {"tag", "tag_type", "tag_metadata"}; `statuses` of ProcessingStatus, empty for the ended ones.
    """

    name = models.CharField(_("name"), max_length=RULE_NAME_LENGTH, validators=[MinLengthValidator(1)])
    is_active = models.BooleanField(_("active"), default=True)
    flow_pattern = models.CharField(max_length=FLOW_NAME_LENGTH, blank=True)
    task_pattern = models.CharField(max_length=TASK_NAME_LENGTH, blank=True)
    statuses = ExactJSONField(default=list, blank=True)
    expression = models.CharField(max_length=EXPRESSION_LENGTH, blank=True)
    sampling_rate = models.DecimalField(
        max_digits=7,
        decimal_places=6,
        default=Decimal(1),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    tags = ExactJSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ReviewRuleQuerySet.as_manager()

    class Meta:
        db_table = "review_rule"
        verbose_name, verbose_name_plural = _("review rule"), _("review rules")
        constraints = [
            models.CheckConstraint(name="review_rule_named", condition=~Q(name="")),
            models.CheckConstraint(
                name="review_rule_sampling_rate", condition=Q(sampling_rate__gte=0, sampling_rate__lte=1)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RuleFiring(TenantModel):
    """That a rule has fired for a run of a task: the row is what keeps it from firing again.

    It goes with its rule, which the database sees to (migration 0005).
    """

    rule = TenantKey(ReviewRule, models.DO_NOTHING, related_name="firings")
    flow_execution = TenantKey(FlowExecution, models.PROTECT, related_name="+")
    task_name = models.CharField(max_length=TASK_NAME_LENGTH)
    task_execution_idx = models.IntegerField()
    fired_at = models.DateTimeField()
    # The rule itself took its tags off again, because what arrived later showed that the run does not match.
    taken_back = models.BooleanField(_("taken back"), default=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "rule_firing"
        verbose_name, verbose_name_plural = _("rule firing"), _("rule firings")
        constraints = [
            # Also the index by which ingest finds what has fired for the runs it changed.
            models.UniqueConstraint(
                "organization", "flow_execution", "task_name", "task_execution_idx", "rule", name="rule_firing_once"
            ),
        ]
        indexes = [
            # Reader: the admin's count, and the database when a rule is deleted.
            models.Index("organization", "rule", name="rule_firing_by_rule"),
        ]

    def __str__(self) -> str:
        return f"{self.task_name}[{self.task_execution_idx}]"
