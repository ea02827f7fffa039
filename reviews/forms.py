"""What every posted decision carries beside the answer itself; the answer is for `payloads`."""

from __future__ import annotations

from django import forms


class DecisionForm(forms.Form):
    """The private note, and the key that makes a second click the same request."""

    comment = forms.CharField(required=False, max_length=4_000)
    idempotency_key = forms.CharField(required=False, max_length=64)
