"""What of a request's headers goes on, and what Envoy has no filter for: two scripts for REST."""

from __future__ import annotations

from meshgen.emit.envoy.parts import extension, http_filter, typed
from meshgen.emit.output.document import Document
from meshgen.limits import HTTP_STATUS_HEADER

SCRIPTS = "envoy.filters.http.lua"
OWN_PREFIX = "meshgen-"
"""With it begin the names of headers that have a meaning here; those that callers send end at the front."""
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


def own_headers() -> Document:
    """The filter that ends what callers say with names of ours, and what services tell the scripts."""
    return http_filter(
        _MUTATION,
        "header_mutation.v3.HeaderMutation",
        mutations={
            "request_mutations": [_ending({"prefix": OWN_PREFIX})],
            "response_mutations": [{"remove": HTTP_STATUS_HEADER}],
        },
    )


def for_grpc_core() -> Document:
    """What a route to a server of gRPC itself says of the filter above, by its name.

    After a header that is not base64, such a server refuses the headers of that name of all others, too, as they share
    its connection; and it refuses requests with names that HTTP allows and gRPC does not. Replicas do neither.
    """
    ending = [_ending({"suffix": "-bin"}), _ending({"safe_regex": {"regex": ".*[^:0-9a-z_.-].*"}})]
    mutation = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute"
    return {f"envoy.filters.http.{_MUTATION}": typed(mutation, mutations={"request_mutations": ending})}


_MUTATION = "header_mutation"


def _ending(names: Document) -> Document:
    return {"remove_on_match": {"key_matcher": names}}


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

_ON_REQUEST = f"""\
function envoy_on_request(handle)
  if handle:headers():get("content-length") == nil and handle:metadata():get("{COUNTED}") then count(handle) end
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
