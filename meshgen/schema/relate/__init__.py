"""How types and values relate: may one feed another, how exactly does a value fit, can a default be sent."""
