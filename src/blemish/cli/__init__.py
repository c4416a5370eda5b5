"""The command line: one file a command, each a thin call of the library.

Results go to standard output, everything else (progress, notes, errors, what to type next) to
standard error. Command modules import nothing heavy before they run: `--help` comes at once.
"""
