"""Value types, read from Python annotations: the ground that contracts and the runtime stand on."""
