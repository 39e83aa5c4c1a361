"""Which content type a route reads: told before anyone wonders why every field is missing."""

from typing import Any

from fastapi import Depends, Request

from sparktts_onnx.server.errors import ApiError

JSON = ("application/json",)
FORM = ("multipart/form-data", "application/x-www-form-urlencoded")


def reads(kinds: tuple[str, ...]) -> Any:
    """A dependency of a route that reads bodies of these content types; the first is the one to recommend."""

    async def check(request: Request) -> None:
        found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if found in kinds or (kinds == JSON and found.startswith("application/") and found.endswith("+json")):
            return
        told = f"the content type is {found[:80]!r}" if found else "the request has no content type"
        raise ApiError(400, f"{told}; expected {kinds[0]}", code="invalid_content_type")

    return Depends(check)
