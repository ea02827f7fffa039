"""What is posted beside an answer itself, which is for `payloads`."""

from __future__ import annotations

from django import forms

from reviews.live import PRESENCES
from reviews.models import Repair


class DecisionForm(forms.Form):
    """The note or reason, the key that makes a second click the same request, and what was seen."""

    comment = forms.CharField(required=False, max_length=4_000)
    idempotency_key = forms.CharField(required=False, max_length=64)
    seen = forms.CharField(required=False, max_length=100)
    confirmed = forms.BooleanField(required=False)
    holder = forms.IntegerField(required=False)  # whose claim was seen, and is taken over


class RepairForm(forms.Form):
    """What to do with an answer whose run failed."""

    kind = forms.ChoiceField(choices=Repair.choices)


class TakeOverForm(forms.Form):
    """Whom the reviewer saw holding the task."""

    holder = forms.IntegerField()


class DraftForm(forms.Form):
    """The edition of the task a draft was typed for."""

    seen = forms.CharField(required=False, max_length=100)


class PresenceForm(forms.Form):
    """What somebody does who has a task in front of them."""

    here = forms.ChoiceField(choices=[(word, word) for word in PRESENCES])


class CommentForm(forms.Form):
    """What a reviewer says to the others."""

    said = forms.CharField(max_length=4_000)
