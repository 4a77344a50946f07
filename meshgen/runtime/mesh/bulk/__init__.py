"""Big messages between processes of one machine: by name, through files in a folder in memory.

A file has names, and each name has one owner: the process in it. Who writes a message owns its name; who is sent a name
takes it, which gives it his own; who passes a message on makes one more name for each receiver, and nobody reads it
meanwhile. Names go when the request of their owner is over, or when their owner is found dead. A mapping outlives all
names. The file whose last name goes is kept for a while to be written anew: fresh memory costs more than the copy.
Where there is no folder, or no room in it, a message goes by the socket, as small ones do.
"""
