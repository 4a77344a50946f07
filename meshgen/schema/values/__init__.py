"""Python values of the kinds that a type can be ⇄ the parts of their messages."""
