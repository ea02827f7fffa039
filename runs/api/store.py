"""The store: what graphs and clients keep beyond a thread, by namespace and key."""

from __future__ import annotations

import math
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from runs.api.endpoint import Endpoint
from runs.api.fields import (
    AnyField,
    NumberField,
    ObjectField,
    SwitchField,
    TextField,
    WholeNumberField,
    WordsField,
)
from runs.api.permits import namespace_for
from runs.api.serializers import MAX_NUMBER, TtlSerializer
from runs.exceptions import InvalidNamespace, KeyRequired
from runs.runtime import store

OBJECT = OpenApiTypes.OBJECT
TAGS = ["Store"]
MAX_PAGE = 1000


class KeySerializer(serializers.Serializer[Any]):
    """An item's name; which key is none, the wire says in words of its own."""

    key = TextField(allow_blank=True, trim_whitespace=False)

    def validate_key(self, key: str) -> str:
        """Refuses the empty key."""
        if not key:
            raise KeyRequired
        return key


class ItemSerializer(KeySerializer):
    namespace = WordsField()
    value = ObjectField()
    index = AnyField(required=False, allow_null=True)
    ttl = NumberField(max_value=TtlSerializer.MAX, required=False, allow_null=True)

    def validate_index(self, index: Any) -> Any:
        """False, or the paths of what is indexed."""
        is_paths = isinstance(index, list) and all(isinstance(path, str) for path in index)
        if index is not None and index is not False and not is_paths:
            raise serializers.ValidationError("This must be false or an array of strings.")
        return index

    def validate_ttl(self, minutes: float | None) -> int | None:
        """Whole minutes, since a read counts them anew."""
        if minutes is not None and minutes <= 0:
            raise serializers.ValidationError("This must be more than 0.")
        return None if minutes is None else math.ceil(minutes)


class ItemDeleteSerializer(KeySerializer):
    namespace = WordsField(default=list)


class ItemQuerySerializer(serializers.Serializer[Any]):
    key = TextField(default="", allow_blank=True, trim_whitespace=False)
    namespace = TextField(required=False, help_text="Its labels, joined by dots.")
    refresh_ttl = serializers.BooleanField(required=False, allow_null=True)


class ItemSearchSerializer(serializers.Serializer[Any]):
    namespace_prefix = WordsField(required=False, allow_null=True)
    filter = ObjectField(required=False, allow_null=True)
    limit = WholeNumberField(min_value=1, max_value=MAX_PAGE, default=10)
    offset = WholeNumberField(min_value=0, max_value=MAX_NUMBER, default=0)
    query = TextField(required=False, allow_null=True, allow_blank=True)
    refresh_ttl = SwitchField(required=False, allow_null=True)


class NamespacesSerializer(serializers.Serializer[Any]):
    prefix = WordsField(default=list)
    suffix = WordsField(default=list)
    max_depth = WholeNumberField(min_value=1, max_value=MAX_NUMBER, required=False)
    limit = WholeNumberField(min_value=1, max_value=MAX_PAGE, default=100)
    offset = WholeNumberField(min_value=0, max_value=MAX_NUMBER, default=0)


class StoreEndpoint(Endpoint):
    """Two of the store's errors have shapes of their own."""

    http_method_names = [*Endpoint.http_method_names, "put"]

    def handle_exception(self, exc: Exception) -> Response:
        """Plain text for labels nobody may use, `error` for a missing key."""
        if isinstance(exc, InvalidNamespace):
            return HttpResponse(  # type: ignore[return-value]  # it is not rendered
                str(exc.detail), status=exc.status_code, content_type="text/plain; charset=utf-8"
            )
        if isinstance(exc, KeyRequired):
            return Response({"error": str(exc.detail)}, status=exc.status_code)
        return super().handle_exception(exc)


class StoreItemsView(StoreEndpoint):
    @extend_schema(
        operation_id="store_put", request=ItemSerializer, responses={204: None}, tags=TAGS
    )
    def put(self, request: Request) -> Response:
        """Keep an item, in place of the one that has its name."""
        asked = self.body(ItemSerializer)
        store.put(
            namespace_for(request, "put", asked["namespace"], asked),
            asked["key"],
            asked["value"],
            index=asked.get("index"),
            minutes=asked.get("ttl"),
        )
        return Response(status=204)

    @extend_schema(
        operation_id="store_get", parameters=[ItemQuerySerializer], responses=OBJECT, tags=TAGS
    )
    def get(self, request: Request) -> Response | HttpResponse:
        """An item; null where there is none."""
        asked = self.query(ItemQuerySerializer)
        if not asked["key"]:
            raise KeyRequired
        labels = asked["namespace"].split(".") if "namespace" in asked else []
        labels = namespace_for(request, "get", labels, asked)
        found = store.get(labels, asked["key"], refresh_ttl=asked["refresh_ttl"])
        # The renderer writes nothing for None.
        return Response(found) if found else HttpResponse(b"null", content_type="application/json")

    @extend_schema(
        operation_id="store_delete",
        request=ItemDeleteSerializer,
        responses={204: None},
        tags=TAGS,
    )
    def delete(self, request: Request) -> Response:
        """Forget an item, whether or not there is one."""
        asked = self.body(ItemDeleteSerializer)
        labels = namespace_for(request, "delete", asked["namespace"], asked)
        store.delete(labels, asked["key"])
        return Response(status=204)


class StoreSearchView(StoreEndpoint):
    @extend_schema(
        operation_id="store_search", request=ItemSearchSerializer, responses=OBJECT, tags=TAGS
    )
    def post(self, request: Request) -> Response:
        """The items below a namespace that match, a page of them."""
        asked = self.body(ItemSearchSerializer)
        prefix = asked.pop("namespace_prefix", None) or []
        prefix = namespace_for(request, "search", prefix, asked)
        return Response({"items": store.search(prefix, **asked)})


class StoreNamespacesView(StoreEndpoint):
    @extend_schema(
        operation_id="store_namespaces", request=NamespacesSerializer, responses=OBJECT, tags=TAGS
    )
    def post(self, request: Request) -> Response:
        """The namespaces that have items, a page of them."""
        asked = self.body(NamespacesSerializer)
        prefix = namespace_for(request, "list_namespaces", asked.pop("prefix"), asked)
        return Response({"namespaces": store.namespaces(prefix, **asked)})
