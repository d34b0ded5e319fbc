from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tags.models.tenant import TenantModel, TenantQuerySet


class Seal(TenantModel):
    """A piece of the hash chain over an organization's events: the links of the positions `first` to `position`.

    A link is a SHA-256 (32 bytes); `links` is all of the piece in a row (tags/events/chain.py). Never changed and never
    deleted.
    """

    first = models.BigIntegerField(_("first position"))
    position = models.BigIntegerField(_("last position"))
    links = models.BinaryField()
    sealed_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "seal"
        verbose_name, verbose_name_plural = _("seal"), _("seals")
        constraints = [
            # Should two sealers ever work at the same piece, one of them fails. Also the index for finding a link.
            models.UniqueConstraint("organization", "first", name="seal_first"),
            # Reader: where to go on sealing.
            models.UniqueConstraint("organization", F("position").desc(), name="seal_position"),
            models.CheckConstraint(name="seal_counts", condition=Q(first__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.first} … {self.position}"
