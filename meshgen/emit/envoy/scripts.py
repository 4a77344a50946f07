"""What of a request's headers goes on, and what Envoy has no filter for: two scripts for REST."""

from __future__ import annotations

from typing import Any

from meshgen.emit.envoy.parts import extension, http_filter
from meshgen.emit.output.document import Document
from meshgen.limits import HTTP_STATUS_HEADER

SCRIPTS = "envoy.filters.http.lua"
OWN_PREFIX = "meshgen-"
"""With it begin the names of headers that have a meaning here; those that callers send end at the front."""
REFUSED_HEADER = "refused-at-front"
"""Tells the routes that a header of the request is not what it has to be; ends with the request."""
NOT_BASE64 = "not-base64"
COUNTED = "counted"
"""The metadata of a route whose requests are JSON that does not say its size."""
FAULT = ("meshgen", "body")
"""Where the metadata of a request says what is wrong with such a body."""
EMPTY, TOO_LARGE = "empty", "too-large"
NO_BODY_TEXT = "the request has no body"


def scripts(largest_json: int) -> Document:
    """The filter that runs the scripts, which cost more than others: routes of gRPC do without.

    Args:
        largest_json: bytes of JSON that may come without a length.
    """
    source = f"local largest = {largest_json}\n" + _COUNTED + _ON_REQUEST + _ON_RESPONSE
    return extension(SCRIPTS, "envoy.extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": source})


def passing_headers() -> Document:
    """The filter that lets pass on what gRPC takes, and what is not ours.

    After a header that is not base64, gRPC refuses the headers of that name of all others, too, as they share its
    connection. Nodes get text only, so binary headers may end here; and so do names that HTTP allows and gRPC does not.
    """
    ending: list[Document] = [
        {"suffix": "-bin"},
        {"prefix": OWN_PREFIX},
        {"safe_regex": {"regex": ".*[^:0-9a-z_.-].*"}},
    ]
    return _mutation(request_mutations=[{"remove_on_match": {"key_matcher": matcher}} for matcher in ending])


def answering_headers() -> Document:
    """The filter that keeps back what services tell the scripts."""
    return _mutation(response_mutations=[{"remove": HTTP_STATUS_HEADER}])


def _mutation(**mutations: Any) -> Document:
    return http_filter("header_mutation", "header_mutation.v3.HeaderMutation", mutations=mutations)


# The transcoder has no limit for what it reads piece by piece, and takes no body for an empty message. Once there is a
# piece the headers have passed, and a script cannot answer: it tells the replies, and makes of the piece what is no
# UTF-8, which the transcoder refuses at the end, also within a text. What follows is dropped.
_COUNTED = f"""\
local function refuse(handle, why)
  handle:streamInfo():dynamicMetadata():set("{FAULT[0]}", "{FAULT[1]}", why)
  return "\\255"
end

local function count(handle)
  local size, instead = nil, nil
  for chunk in handle:bodyChunks() do
    size = (size or 0) + chunk:length()
    if instead ~= nil then
      instead = ""
    elseif size == 0 then
      instead = refuse(handle, "{EMPTY}")
    elseif size > largest then
      instead = refuse(handle, "{TOO_LARGE}")
    end
    if instead ~= nil then chunk:setBytes(instead) end
  end
  if size == nil then handle:respond({{[":status"] = "400"}}, "{NO_BODY_TEXT}") end
end

"""

# Clients of gRPC write these headers by themselves. To look at a name costs more than all that is done with it, so this
# does nothing else.
_ON_REQUEST = f"""\
local find, gmatch, match = string.find, string.gmatch, string.match

function envoy_on_request(handle)
  local bad = false
  for key, value in pairs(handle:headers()) do
    if find(key, "-bin", -4, true) then
      for part in gmatch(value .. ",", "([^,]*),") do
        local text = match(part, "^[ \\t]*([%w+/]*)=?=?[ \\t]*$")
        bad = bad or text == nil or #text % 4 == 1
      end
    end
  end
  if bad then
    handle:headers():replace("{REFUSED_HEADER}", "{NOT_BASE64}")
    handle:clearRouteCache()
  elseif handle:headers():get("content-length") == nil and handle:metadata():get("{COUNTED}") then
    count(handle)
  end
end
"""

# RESOURCE_EXHAUSTED has 429 and 413.
_ON_RESPONSE = f"""\
function envoy_on_response(handle)
  local headers = handle:headers()
  local meant = headers:get("{HTTP_STATUS_HEADER}")
  if meant ~= nil and headers:get(":status") ~= "200" then headers:replace(":status", meant) end
end
"""
