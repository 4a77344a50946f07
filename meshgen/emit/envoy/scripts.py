"""What Envoy has no filter for: looking at headers of which only a part of the name is known, and choosing a status."""

from __future__ import annotations

from meshgen.emit.envoy.parts import extension
from meshgen.emit.output.document import Document
from meshgen.limits import HTTP_STATUS_HEADER

LARGEST_METADATA = 7 * 1024
"""Bytes of a request's headers by HTTP/2's count; gRPC takes 8 KiB, some of which Envoy's own need."""
OWN_PREFIX = "meshgen-"
"""With it begin the names of headers that have a meaning here; those that callers send end at the front."""
REFUSED_HEADER = f"{OWN_PREFIX}refused"
"""Tells the routes that a request's headers are too large, or not what they have to be."""
TRACE_ID = "%DYNAMIC_METADATA(meshgen:trace_id)%"
"""The id of the trace that the caller has begun, in replies of Envoy."""
TOO_LARGE, NOT_BASE64 = "too-large", "not-base64"


def scripts() -> Document:
    """The filter that runs the scripts."""
    return extension(
        "envoy.filters.http.lua",
        "envoy.extensions.filters.http.lua.v3.Lua",
        default_source_code={"inline_string": _ON_REQUEST + _ON_RESPONSE},
    )


# What gRPC refuses must not get to it: after a header that is not base64 it refuses the headers of that name of all
# others, too, as they share its connection. Nodes get text only, so binary headers may end here; and so do names that
# HTTP allows and gRPC does not.
_ON_REQUEST = f"""\
function envoy_on_request(handle)
  local headers, size, ended, refused, trace = handle:headers(), 0, {{}}, nil, nil
  for key, value in pairs(headers) do
    size = size + #key + #value + 32
    if string.sub(key, -4) == "-bin" then
      ended[#ended + 1] = key
      for part in string.gmatch(value .. ",", "([^,]*),") do
        local text = string.match(part, "^[ \\t]*([%w+/]*)=?=?[ \\t]*$")
        if text == nil or #text % 4 == 1 then refused = "{NOT_BASE64}" end
      end
    elseif string.sub(key, 1, {len(OWN_PREFIX)}) == "{OWN_PREFIX}" or not string.find(key, "^:?[0-9a-z_.-]+$") then
      ended[#ended + 1] = key
    elseif key == "traceparent" then
      trace = string.match(value, "^%x%x%-(%x+)%-%x+%-%x%x$")
    end
  end
  if size > {LARGEST_METADATA} then refused = "{TOO_LARGE}" end
  for _, key in ipairs(ended) do headers:remove(key) end
  if trace ~= nil and #trace == 32 then handle:streamInfo():dynamicMetadata():set("meshgen", "trace_id", trace) end
  if refused ~= nil then
    headers:add("{REFUSED_HEADER}", refused)
    handle:clearRouteCache()
  end
end
"""

# RESOURCE_EXHAUSTED has 429 and 413.
_ON_RESPONSE = f"""\
function envoy_on_response(handle)
  local headers = handle:headers()
  local meant = headers:get("{HTTP_STATUS_HEADER}")
  if meant ~= nil then
    headers:remove("{HTTP_STATUS_HEADER}")
    if headers:get(":status") ~= "200" then headers:replace(":status", meant) end
  end
end
"""
