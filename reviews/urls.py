"""The pages people decide on."""

from __future__ import annotations

from django.urls import path

from reviews.views import audit, bulk, keys, lists, me, members, tasks

app_name = "reviews"

urlpatterns = [
    path("", lists.home, name="home"),
    path("inbox/", lists.inbox, name="inbox"),
    path("inbox/suggest/", lists.suggest, name="suggest"),
    path("views/", lists.save, name="save"),
    path("views/<int:pk>/", lists.saved, name="saved"),
    path("views/<int:pk>/change/", lists.change, name="change-view"),
    path("views/<int:pk>/delete/", lists.delete, name="delete-view"),
    path("tasks/bulk/", bulk.select, name="bulk"),
    path("tasks/bulk/<int:batch>/", bulk.batch, name="batch"),
    path("tasks/bulk/<int:batch>/commit/", bulk.commit, name="batch-commit"),
    path("tasks/bulk/<int:batch>/undo/", bulk.undo, name="batch-undo"),
    path("tasks/<int:pk>/", tasks.task, name="task"),
    path("tasks/<int:pk>/decide/", tasks.decide, name="decide"),
    path("tasks/<int:pk>/preview/", tasks.preview, name="preview"),
    path("tasks/<int:pk>/claim/", tasks.claim, name="claim"),
    path("tasks/<int:pk>/release/", tasks.release, name="release"),
    path("tasks/<int:pk>/unread/", lists.unread, name="unread"),
    path("tasks/<int:pk>/watch/", lists.watch, name="watch"),
    path("tasks/<int:pk>/snooze/", lists.snooze, name="snooze"),
    path("tasks/<int:pk>/undo/", tasks.undo, name="undo"),
    path("tasks/<int:pk>/repair/", tasks.repair, name="repair"),
    path("tasks/<int:pk>/accept/", tasks.accept, name="accept"),
    path("theme/", me.theme, name="theme"),
    path("me/", me.me, name="me"),
    path("me/password/", me.password, name="password"),
    path("me/logins/end/", me.end_logins, name="end_logins"),
    path("me/logins/<int:pk>/end/", me.end_login, name="end_login"),
    path("me/keys/", keys.own_keys, name="own_keys"),
    path("me/keys/<int:pk>/revoke/", keys.revoke_own, name="revoke_own_key"),
    path(
        "password/<uidb64>/<token>/",
        me.ChoosePassword.as_view(),
        name="choose_password",
    ),
    path("settings/members/", members.members, name="members"),
    path("settings/members/invite/", members.invite, name="invite"),
    path("settings/members/<int:pk>/", members.member, name="member"),
    path("settings/members/<int:pk>/link/", members.link, name="password_link"),
    path("settings/queues/", members.queues, name="queues"),
    path("settings/queues/<int:pk>/", members.queue, name="queue"),
    path("settings/keys/", keys.keys, name="keys"),
    path("settings/keys/<int:pk>/revoke/", keys.revoke, name="revoke_key"),
    path("audit/", audit.audit, name="audit"),
    path("audit/verify/", audit.verify, name="audit_verify"),
    path("audit/export/", audit.export, name="audit_export"),
]
