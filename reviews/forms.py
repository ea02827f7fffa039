"""What is posted beside an answer itself, which is for `payloads`."""

from __future__ import annotations

from django import forms

from reviews.models import Repair


class DecisionForm(forms.Form):
    """The private note, the key that makes a second click the same request, and what was seen."""

    comment = forms.CharField(required=False, max_length=4_000)
    idempotency_key = forms.CharField(required=False, max_length=64)
    seen = forms.CharField(required=False, max_length=100)


class RepairForm(forms.Form):
    """What to do with an answer whose run failed."""

    kind = forms.ChoiceField(choices=Repair.choices)
