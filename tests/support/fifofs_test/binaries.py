# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs under test, and whether they can run here."""

import os
import subprocess


def binary(variable):
    """The path of a program under test, from the environment."""
    try:
        return os.path.abspath(os.environ[variable])
    except KeyError:
        raise RuntimeError(f'{variable} must name the program to test') from None


def fifoctl(*arguments, uid=None):
    """Run fifoctl and return its subprocess.CompletedProcess, with text in stdout and stderr."""
    credentials = {} if uid is None else {'user': uid, 'group': uid, 'extra_groups': []}
    return subprocess.run(
        [binary('FIFOCTL_BIN'), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False, timeout=30, **credentials)


def missing_requirement():
    """Why the tests cannot run here, or None."""
    if os.geteuid() != 0:
        return 'must run as root'
    if not os.path.exists('/dev/fuse'):
        return '/dev/fuse is missing'
    return None
