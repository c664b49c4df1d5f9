"""The errors a person meets, each with the exit code the command line gives for it."""


class SandwatchError(Exception):
    """Base of all expected errors: the message says what, where, how much, against what and what to do."""

    exit_code = 3


class InputRefusedError(SandwatchError):
    """A file was refused whole; nothing of it was loaded."""

    exit_code = 1


class CheckFailedError(SandwatchError):
    """A critical expectation failed: the last good edition stays published."""

    exit_code = 1


class WrongCallError(SandwatchError):
    """The call itself cannot be carried out: a wrong name, week, option or query."""

    exit_code = 2


class MachineError(SandwatchError):
    """The machine or our own code is at fault, not the data."""

    exit_code = 3


class BusyError(MachineError):
    """Another writer holds the warehouse."""
