"""Back ends: a plan becomes files. Pure functions; nothing here touches the disk, the clock or the network."""
