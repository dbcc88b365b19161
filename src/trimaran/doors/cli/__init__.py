"""The command line: one thin module a command, imported when its command runs."""
