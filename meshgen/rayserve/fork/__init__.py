"""Workers of a cluster of our own, forked from one process that has imported Ray and Serve already.

Ray starts Python twice for each worker and imports itself each time, and a replica imports Serve on top: some two
seconds of CPU, which is nearly all that a mesh of many small nodes takes to start. A fork takes hundredths, and shares
the memory of what was imported.
"""
