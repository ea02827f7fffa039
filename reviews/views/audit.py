"""The audit log: read, exported and verified by those who may."""

from __future__ import annotations

from django.db.models import Max
from django.http import HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from reviews import audit_export, verifier
from reviews.audit_page import AuditQuery, audit_page
from reviews.models import AuditEntry
from reviews.people import may_read_audit
from reviews.services import audit as ledger
from reviews.views.pages import PageRequest, for_those, render_page

for_auditors = for_those(may_read_audit)


@for_auditors
@require_GET
def audit(request: PageRequest) -> HttpResponse:
    """What was done, newest first, as far as the filters of the address let it through."""
    page = audit_page(request.user, AuditQuery.of(request.GET))
    return render_page(request, "audit/audit.html", section="audit", page=page)


@for_auditors
@require_POST
def verify(request: PageRequest) -> HttpResponse:
    """Follow the whole chain and say whether it is as it was written."""
    report = verifier.verify(AuditEntry.objects.exported())
    _note(request, "verified", {"entries": report.verified, "fault": report.fault})
    page = audit_page(request.user, AuditQuery.of(request.POST))
    return render_page(
        request,
        "audit/audit.html",
        section="audit",
        page=page,
        report=report,
        heads=[f"{head.seq}:{head.hash}" for head in report.heads.values()],
    )


@for_auditors
@require_POST
def export(request: PageRequest) -> HttpResponseBase:
    """What the filters let through as a file; the export is itself in the audit."""
    form = request.POST.get("format", "")
    if form not in audit_export.FORMATS:
        return HttpResponseBadRequest(_("As CSV or as JSON lines."))
    query = AuditQuery.of(request.POST)
    upto = AuditEntry.objects.aggregate(head=Max("seq"))["head"] or 0
    _note(request, "exported", {"format": form, "upto": upto, "filters": query.filters})
    lines = audit_export.exported(query.entries(), form, upto=upto)
    return StreamingHttpResponse(
        lines,
        content_type=audit_export.FORMATS[form][0],
        headers={"Content-Disposition": f'attachment; filename="audit-{now():%Y-%m-%d}.{form}"'},
    )


def _note(request: PageRequest, what: str, details: dict[str, object]) -> None:
    ledger.record(
        action=f"audit.{what}",
        object="audit:default",
        actor=request.user,
        via=AuditEntry.Via.PAGE,
        details=details,
    )
