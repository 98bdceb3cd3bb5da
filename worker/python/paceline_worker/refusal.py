"""How a worker or a template says that it cannot run a suite.

It holds what both need and neither owns.
"""

# Of the worker protocol; see docs/worker-protocol.md.
PROTOCOL = 1
# The agent cuts text at its own bounds; this keeps a frame from bursting.
MAX_MESSAGE = 4 << 10


class SuiteRefused(Exception):
    """The suite cannot be run here; the text says why and what to do."""
