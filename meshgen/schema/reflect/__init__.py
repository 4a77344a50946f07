"""Python annotations → schema."""
