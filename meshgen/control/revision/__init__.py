"""What a run serves: its sources as they were, how applications come to run, and what edits change."""
