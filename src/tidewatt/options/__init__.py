"""Every option of every study, declared once.

From a declaration come the checks of ``scenario.toml`` and of calls, the keywords and the help of the Python
function, the flags of the command, and the tables of the documentation.
"""
