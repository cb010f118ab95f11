#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keep the journal of a mount for test-journal.c: record.py FIFOFS FILE

FIFOFS is a daemon of the version whose journal it is to be, built from the history; run it as root.
It is mounted, given nodes of many kinds, and its memory of them is copied while it runs. What is in
FILE is the header, and the records as they lie behind each other.

    version-1.journal    d702860, the last one without ACLs
    version-2.journal    1e3111e, the last one without quotas
    version-3.journal    a685253, the last one without hold; uid= gives everything one owner,
                         whoever is charged for it
    version-4.journal    one FIFO is held open by the daemon

The kinds are those of `make()`; test-journal.c has what is to come back of each.
"""

import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

_PAGE_BYTES = 4096
_HEADER = struct.Struct('=8sIIQQ8Q')
_USER_A, _USER_B = 1111, 2222

# user::rw-,user:2222:r--,group::---,mask::r--,other::---
_ACL = struct.pack('<I' + 'HHI' * 5, 2, 1, 6, 0xffffffff, 2, 4, _USER_B, 4, 0, 0xffffffff,
                   16, 4, 0xffffffff, 32, 0, 0xffffffff)


def make_fifo(path, **policy):
    os.mkfifo(path, 0o600)
    for key, value in policy.items():
        os.setxattr(path, 'fifofs.' + key.replace('_', '-'), value.encode())


def make_as(uid, path):
    child = os.fork()
    if child == 0:
        os.setgid(uid)
        os.setuid(uid)
        os.mkfifo(path, 0o600)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def make(top, version):
    """Return: the descriptors that must stay open."""
    os.mkdir(top + '/d', 0o755)
    os.setxattr(top + '/d', 'fifofs.linger', b'7s')
    os.mkdir(top + '/d/deep', 0o700)
    make_fifo(top + '/d/inherits')
    make_fifo(os.fsencode(top) + b'/d/deep/\xff' + b'n' * 254)
    make_fifo(top + '/kept', lifetime='keep')
    make_fifo(top + '/with process', lifetime='process')
    make_fifo(top + '/with session', lifetime='session')
    make_fifo(top + '/aging', max_age='1d', grace='2h')
    make_fifo(top + '/sticky')
    os.chmod(top + '/sticky', 0o1640)
    make_fifo(top + '/before', lifetime='keep')
    os.rename(top + '/before', top + '/renamed')
    make_fifo(top + '/removed')
    os.unlink(top + '/removed')
    make_as(_USER_A, top + '/of user A')
    if version >= 2:
        os.setxattr(top + '/kept', 'system.posix_acl_access', _ACL)
        os.setxattr(top + '/d', 'system.posix_acl_default', _ACL)
    if version >= 4:
        make_fifo(top + '/holding', hold='write')

    make_fifo(top + '/lingering', lifetime='use', linger='1h')
    os.close(os.open(top + '/lingering', os.O_RDWR))
    make_fifo(top + '/held', lifetime='use')
    make_fifo(top + '/nameless', lifetime='keep')
    held = [os.open(f'{top}/{name}', os.O_RDWR) for name in ('held', 'nameless')]
    os.unlink(top + '/nameless')
    return held + [os.open(top + '/.fifofs/events', os.O_RDONLY)]


def copy_journal(pid, path):
    """Return: the bytes that test-journal.c reads."""
    for number in os.listdir(f'/proc/{pid}/fd'):
        link = f'/proc/{pid}/fd/{number}'
        if os.readlink(link).startswith('/memfd:fifofs-journal'):
            with open(link, 'rb') as stream:
                header = stream.read(_HEADER.size)
                _, _, _, begin, end, *_ = _HEADER.unpack(header)
                stream.seek(begin)
                records = stream.read(end - begin)
            with open(path, 'wb') as stream:
                stream.write(header + records)
            return
    raise AssertionError('it has no journal')


def main():
    daemon, path = sys.argv[1:]
    version = int(re.search(r'version-(\d+)', path)[1])
    with tempfile.TemporaryDirectory(prefix='fifofs-journals-') as folder:
        top = folder + '/mnt'
        os.mkdir(top)
        os.chmod(folder, 0o755)
        with open(folder + '/conf', 'w', encoding='ascii') as config:
            config.write('[pipe "declared/one"]\nmode = 0620\n')
        options = f'allow_other,config={folder}/conf' + (f',uid={_USER_B}' if version >= 3 else '')
        process = subprocess.Popen([daemon, '-f', '-o', options, top])
        while not os.path.ismount(top):
            time.sleep(0.01)
        held = make(top, version)
        time.sleep(3)           # it looks who holds what, and its directories rest
        copy_journal(process.pid, path)
        for descriptor in held:
            os.close(descriptor)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


if __name__ == '__main__':
    main()
