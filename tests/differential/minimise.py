# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a sequence short on which the two trees differ, and prints it as calls.

Parts are left out as long as what is left still differs, ever smaller ones down to single steps
(delta debugging); each trial is played on fresh trees. What differs may be another step then, as long
as one does. Then users and modes that do not matter are replaced by plain ones.
"""

import os
import stat
import time

from replay import replay
from tree import ROOT

SECONDS = 120

_OPEN_FLAGS = ['O_CREAT', 'O_EXCL', 'O_TRUNC', 'O_APPEND', 'O_NONBLOCK', 'O_NOFOLLOW', 'O_NOATIME',
               'O_SYNC', 'O_PATH', 'O_TMPFILE', 'O_DIRECTORY']
_RENAME_FLAGS = {0: '0', 1: 'RENAME_NOREPLACE', 2: 'RENAME_EXCHANGE',
                 3: 'RENAME_NOREPLACE | RENAME_EXCHANGE'}


def minimise(settings, steps, difference, alter=None, seconds=SECONDS):
    """The shortest sequence found within that time, which ends where it differs, and how it does."""
    end = time.monotonic() + seconds
    best = [steps[:difference.at + 1], difference]

    def still_differs(trial):
        found = replay(settings, trial, alter) if time.monotonic() < end else None
        if found:
            best[:] = trial[:found.at + 1], found
        return found

    size = len(best[0]) // 2
    while size:
        if not _leave_out(best, size, still_differs) or size > 1:
            size //= 2
    for at in range(len(best[0])):
        for plainer in _plainer(best[0][at]) if at < len(best[0]) else ():
            still_differs(best[0][:at] + [plainer] + best[0][at + 1:])
    return best[0], best[1]


def _leave_out(best, size, still_differs):
    """Each part of so many steps, the last first. Was one superfluous?"""
    length = len(best[0])
    at = length - size
    while at > -size:
        steps = best[0]
        still_differs(steps[:max(at, 0)] + steps[at + size:])
        at = min(at, len(best[0])) - size
    return len(best[0]) < length


def _plainer(step):
    uid, umask, name, arguments = step
    if uid != ROOT:
        yield (ROOT, umask, name, arguments)
    if umask:
        yield (uid, 0, name, arguments)
    if name in ('mkfifo', 'mkdir') and arguments[1] != 0o777:
        yield (uid, umask, name, (arguments[0], 0o777))


# As calls.

def _place(place):
    slot, path = place
    return repr(path) if slot is None else f'[{slot}]/{path!r}'


def _flags(flags):
    words = [['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'][flags & os.O_ACCMODE]]
    for name in _OPEN_FLAGS:
        value = getattr(os, name)
        if flags & value == value:
            words.append(name)
            flags &= ~value
    return '|'.join(words)


def _type(mode):
    return f'{stat.S_IFMT(mode):#o} | {stat.S_IMODE(mode):#o}'


# The arguments that are no plain numbers or bytes.
_SHOWN = {
    'mkfifo': (_place, oct), 'mknod': (_place, _type), 'mkdir': (_place, oct), 'unlink': (_place,),
    'rmdir': (_place,), 'rename': (_place, _place, lambda flags: _RENAME_FLAGS.get(flags, flags)),
    'link': (_place, _place), 'symlink': (repr, _place), 'stat': (_place,), 'access': (_place,),
    'chmod': (_place, oct), 'chown': (_place,), 'utimens': (_place,), 'truncate': (_place,),
    'readlink': (_place,), 'name_limit': (_place,), 'listdir': (_place,),
    'open': (repr, _place, _flags, oct), 'reopen': (repr, repr, _flags), 'fchmod': (repr, oct),
    'same': (repr, _place),
}


def call(step):
    """A step as a line: [3] is what is open in slot 3, and [3]/'name' is relative to it."""
    uid, umask, name, arguments = step
    shown = _SHOWN.get(name, ()) + (repr,) * len(arguments)
    words = ', '.join(str(show(argument)) for show, argument in zip(shown, arguments))
    user = 'root' if uid == ROOT else str(uid)
    return f'{user:>5} {umask:03o}  {name}({words})'


def report(steps, difference):
    """The calls, and the two answers to the last."""
    lines = [' uid umask call'] + [call(step) for step in steps]
    mount, tmpfs = _answers(difference)
    return '\n'.join(lines + [f'    mount: {mount}', f'    tmpfs: {tmpfs}'])


def _answers(difference):
    """Of whole trees only what differs."""
    both = [difference.mount, difference.tmpfs]
    if all(isinstance(answer, list) for answer in both):
        both = [[entry for entry in answer if entry not in other]
                for answer, other in (both, both[::-1])]
    return ['done' if answer is None else answer for answer in both]
