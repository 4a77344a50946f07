"""Value types, read from Python annotations: the ground that contracts and the runtime stand on.

Rooms, each of which knows those before it: the modules here (`model` is the closed union of types, `traits` what many
ask of them), `values` (what a value is on the wire and in JSON; `values.well_known` is the table of the standard
library's classes), `reflect` (annotations → types) beside `relate` (types and values with each other), `check` (the
rules of requests), `convert` (JSON and records ⇄ values).
"""
