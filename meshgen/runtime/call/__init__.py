"""What a call carries and how it can end: request, deadline, errors, spans, and the seam to where nodes run."""
