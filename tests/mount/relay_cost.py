# SPDX-License-Identifier: LGPL-2.1-or-later
"""A relayed handle costs little, however many there are. FIFOFS_TEST_HANDLES says how many."""

import os
import random
import resource
import threading

import fifofs_test
from fifofs_test import Mount, stuck_in, threads, wait_until
from relay import WAITS, create, write_all

HANDLES = int(os.environ.get('FIFOFS_TEST_HANDLES', '10000'))


def status_of(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as status:
        return {key: value.strip() for key, _, value in (line.partition(':') for line in status)}


class Cost(fifofs_test.TestCase):

    deadline_seconds = 120

    @staticmethod
    def raise_limit():
        limit = HANDLES + 1000
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(
            limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))

    def test_handle_that_waits_costs_a_small_record(self):
        self.raise_limit()
        with Mount() as mount:
            os.close(create(mount.path + '/first', os.O_RDWR))
            before = status_of(mount.worker)
            handles = [create(f'{mount.path}/{n}') for n in range(HANDLES)]
            wait_until(lambda: self.held_by(mount.worker) >= HANDLES, 30, 'the daemon to open them')
            after = status_of(mount.worker)
            self.assertEqual(after['Threads'], before['Threads'])
            grown = int(after['VmRSS'].split()[0]) - int(before['VmRSS'].split()[0])
            self.assertLess(grown, 2 * HANDLES)             # KiB
            for n in random.Random(1).sample(range(HANDLES), 100):
                reader = os.open(f'{mount.path}/{n}', os.O_RDONLY)
                os.write(handles[n], b'x%d' % n)
                self.assertEqual(os.read(reader, 10), b'x%d' % n)
                os.close(reader)
            for handle in handles:
                os.close(handle)
            wait_until(lambda: self.held_by(mount.worker) < 100, 30, 'the daemon to close them')

    @staticmethod
    def held_by(pid):
        return len(os.listdir(f'/proc/{pid}/fd'))

    def test_data_of_writes_that_wait_is_bounded(self):
        writers, size = 1200, 128 * 1024                    # 150 MiB, of which 64 may be kept
        self.raise_limit()
        threading.stack_size(128 * 1024)
        with Mount() as mount:
            before = int(status_of(mount.worker)['VmRSS'].split()[0])
            data = random.Random(1).randbytes(size)
            handles = [create(f'{mount.path}/{n}') for n in range(writers)]
            threads = [threading.Thread(target=write_all, args=(handle, data)) for handle in handles]
            for thread in threads:
                thread.start()
            wait_until(lambda: all(self.waits(thread) for thread in threads), 60, 'them to wait')
            grown = int(status_of(mount.worker)['VmRSS'].split()[0]) - before
            self.assertLess(grown, 100 * 1024)
            for n, handle in enumerate(handles):
                reader = os.open(f'{mount.path}/{n}', os.O_RDONLY)
                got = b''
                while len(got) < size:
                    got += os.read(reader, size)
                self.assertEqual(got, data)
                os.close(reader)
            for thread in threads:
                thread.join()
            for handle in handles:
                os.close(handle)
        threading.stack_size(0)

    @staticmethod
    def waits(thread):
        with open(f'/proc/self/task/{thread.native_id}/wchan', encoding='ascii') as wchan:
            return WAITS in wchan.read()

    def test_waiting_handles_take_no_processor_time(self):
        with Mount() as mount:
            handles = [create(f'{mount.path}/{n}') for n in range(50)]
            readers = [os.open(f'{mount.path}/{n}', os.O_RDONLY) for n in range(25)]
            for reader in readers[:10]:
                os.close(reader)
            children = [self.spawn(os.write, handle, b'x') for handle in handles[30:]]
            for child in children:
                stuck_in(child.pid, WAITS)

            def switches():
                with open(f'/proc/{mount.worker}/task/{relay}/status', encoding='ascii') as status:
                    return [line for line in status if 'ctxt_switches' in line]

            relay = next(number for number, name in threads(mount.worker).items()
                         if name == 'relay')
            wait_until(lambda: switches() == (threading.Event().wait(0.5), switches())[1])
            for descriptor in handles + readers[10:]:
                os.close(descriptor)
            for child in children:
                child.end()


if __name__ == '__main__':
    fifofs_test.main()
