"""Where the CPU of a request goes: by process from /proc, and within a replica by py-spy."""
