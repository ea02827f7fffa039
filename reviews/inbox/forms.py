"""The form a list is saved with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import Group
from django.utils.translation import gettext as _

from reviews.models import SavedView

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Audience = SavedView.Audience


def audiences(user: User) -> list[tuple[str, str]]:
    """Whom somebody may share a list with."""
    found = [(str(Audience.PRIVATE), _("Only me"))]
    queues = Group.objects.all() if user.is_staff else user.groups.all()
    for queue in queues.order_by("name"):
        label = _("Everybody in %(queue)s") % {"queue": queue.name}
        found.append((f"{Audience.QUEUE}:{queue.pk}", label))
    if user.is_staff:
        found.append((str(Audience.EVERYONE), _("Everybody")))
    return found


class SavedViewForm(forms.Form):
    """A name, and whom the list is shared with."""

    name = forms.CharField(max_length=60)
    audience = forms.ChoiceField()

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        self.fields["audience"].choices = audiences(user)  # type: ignore[attr-defined]

    @property
    def shared_with(self) -> dict[str, Any]:
        """The audience as services take it."""
        audience, _colon, queue = self.cleaned_data["audience"].partition(":")
        return {"audience": audience, "queue": Group.objects.get(pk=queue) if queue else None}
