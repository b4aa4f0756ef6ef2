"""okng against anomalib: the same images, threads and precision, each in an environment of its own.

The two sides (`okng_side`, `anomalib_side`) run in those environments, the rest in okng's own.
"""
