"""The forms of members, queues, keys and of what people set for themselves."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import Group, User
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from reviews.models import Preferences
from reviews.people import RIGHTS, people, scopes_of
from reviews.services.members import Standing
from reviews.templatetags.review_tags import person
from runs.models import Scope

AREAS = ["Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian"]
AREAS += ["Pacific"]
UNDO = (0, 10, 20, 30, 60)  # seconds
LIVES = ((30, _("30 days")), (90, _("90 days")), (365, _("One year")), ("", _("Never")))


TYPED = (forms.TextInput, forms.EmailInput, forms.PasswordInput, forms.Select)


class PageForm(forms.Form):
    """A form whose controls look as the pages' own; drawn by `settings/_field.html`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, TYPED):
                field.widget.attrs.setdefault("class", "input")


class PeopleField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # for mypy only
    """People by the names they go by."""

    def label_from_instance(self, obj: Any) -> str:
        return (
            f"{person(obj)} ({obj.get_username()})" if obj.get_full_name() else obj.get_username()
        )


class StandingForm(PageForm):
    """What an administrator sets about a member."""

    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)
    email = forms.EmailField(label=_("E-mail"), required=False)
    role = forms.ChoiceField(
        label=_("Role"),
        choices=[("reviewer", _("Reviewer")), ("admin", _("Administrator"))],
        widget=forms.RadioSelect,
        initial="reviewer",
        help_text=_("Reviewers see the tasks of their queues. Administrators see and set it all."),
    )
    queues = forms.ModelMultipleChoiceField(
        label=_("Queues"),
        queryset=Group.objects.order_by("name"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    rights = forms.MultipleChoiceField(
        label=_("A reviewer may also"),
        choices=list(RIGHTS.items()),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def standing(self) -> Standing:
        """What was posted, as the service takes it."""
        said = self.cleaned_data
        return Standing(
            first_name=said["first_name"],
            last_name=said["last_name"],
            email=said["email"],
            is_admin=said["role"] == "admin",
            is_active=said.get("is_active", True),
            rights=frozenset(said["rights"]),
            queues=frozenset(queue.name for queue in said["queues"]),
        )


class InviteForm(StandingForm):
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        validators=User._meta.get_field("username").validators,
        help_text=_("To sign in with. Letters, digits and @ . + - _"),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off"}),
    )
    field_order = ("username",)

    def clean_username(self) -> str:
        username: str = User.normalize_username(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(_("This name is taken."))
        return username


class MemberForm(StandingForm):
    is_active = forms.BooleanField(
        label=_("May sign in"),
        required=False,
        help_text=_("Without it every browser of theirs is signed out and their keys stop."),
    )

    @classmethod
    def showing(cls, member: User) -> MemberForm:
        """The form as the member stands."""
        standing = Standing.of(member)
        return cls(
            initial={
                **vars(standing),
                "role": "admin" if standing.is_admin else "reviewer",
                "queues": member.groups.all(),
                "rights": list(standing.rights),
            }
        )


class NewQueueForm(PageForm):
    name = forms.CharField(label=_("Name of a new queue"), max_length=150)


class QueueForm(PageForm):
    name = forms.CharField(label=_("Name"), max_length=150)
    members = PeopleField(
        label=_("Who reviews it"),
        queryset=User.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, queue: Group, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        can_review = people().filter(Q(is_active=True) | Q(groups=queue)).distinct()
        members = self.fields["members"]
        assert isinstance(members, PeopleField)
        members.queryset = can_review.order_by("username")
        members.initial = people().filter(groups=queue)
        self.fields["name"].initial = queue.name


class KeyForm(PageForm):
    """A new API key; only scopes the person who makes it has."""

    name = forms.CharField(label=_("What it is for"), max_length=100)
    scopes = forms.MultipleChoiceField(label=_("It may"), widget=forms.CheckboxSelectMultiple)
    days = forms.TypedChoiceField(
        label=_("Expires after"),
        choices=LIVES,
        coerce=int,
        empty_value=None,
        initial=90,
        required=False,
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes = self.fields["scopes"]
        assert isinstance(scopes, forms.MultipleChoiceField)
        scopes.choices = [(scope.value, SCOPES[scope]) for scope in scopes_of(user)]


class ProgramKeyForm(KeyForm):
    queues = forms.ModelMultipleChoiceField(
        label=_("Queues it reviews"),
        queryset=Group.objects.order_by("name"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("For keys that read or decide review tasks."),
    )


SCOPES = {
    Scope.RUNS: _("Create and read threads and runs"),
    Scope.RESUME: _("Answer interrupts by resuming a thread"),
    Scope.TASKS_READ: _("Read review tasks"),
    Scope.TASKS_DECIDE: _("Decide review tasks"),
    Scope.METRICS: _("Read metrics"),
    Scope.ADMIN: _("Everything"),
}


class ProfileForm(PageForm):
    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)
    timezone = forms.ChoiceField(label=_("Timezone"), required=False)
    density = forms.ChoiceField(
        label=_("Density"), choices=Preferences.Density.choices, widget=forms.RadioSelect
    )
    undo_seconds = forms.TypedChoiceField(
        label=_("Time to undo a decision"),
        coerce=int,
        help_text=_("What you decide is sent after this time. A policy may ask for longer."),
    )
    has_keys = forms.BooleanField(
        label=_("Single letters are shortcuts"),
        required=False,
        help_text=_("Off: only Ctrl or ⌘ with Enter sends; no letter does anything by itself."),
    )
    is_hidden = forms.BooleanField(
        label=_("Hide my name while I look at a task"),
        required=False,
        help_text=_("Others see that somebody is there. Claims and decisions always have a name."),
    )

    def __init__(self, *args: Any, least_undo: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones, undo = self.fields["timezone"], self.fields["undo_seconds"]
        assert isinstance(zones, forms.ChoiceField)
        assert isinstance(undo, forms.TypedChoiceField)
        zones.choices = zone_choices()
        usual = _("%(n)s seconds, as usual here") if least_undo else _("None, as usual here")
        undo.choices = [(0, usual % {"n": least_undo})] + [
            (n, _("%(n)s seconds") % {"n": n}) for n in UNDO if n > least_undo
        ]


def zone_choices() -> list[tuple[str, Any]]:
    """Every timezone this machine knows, by part of the world."""
    zones = sorted(available_timezones())
    areas = [
        (area, [(zone, _named(zone)) for zone in zones if zone.startswith(f"{area}/")])
        for area in AREAS
    ]
    return [("", _("As the console (UTC)")), *areas]


def _named(zone: str) -> str:
    return zone.partition("/")[2].replace("_", " ")


class PasswordForm(PageForm, PasswordChangeForm):
    """The old password, and a new one twice."""
