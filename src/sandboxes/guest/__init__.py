"""The program inside the cage: keeps one Python namespace, runs cells in it, asks the host over frames.

It knows no cage: a `door` moves bytes, the rest is plain Python 3.10 or newer from the standard library. Nothing here
protects the host; the code of a cell can reach every object of this program. The cage and the host's parser do that.
"""
