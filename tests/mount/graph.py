# SPDX-License-Identifier: LGPL-2.1-or-later
"""fifoctl graph: the picture says who is on which FIFO, and no name can break out of it."""

import json
import os
import pathlib
import re
import stat
import subprocess
import tempfile
import xml.etree.ElementTree

import fifofs_test
from fifofs_test import USER_A, USER_B, Mount, as_user, binary, stuck_in_open, wait_until

OK, FAILED, USAGE = range(3)
ODD = ['two words', 'quo"te', 'back\\slash', 'back\\', 'new\nline', ']) ]] --> x', '#quot; #35;',
       '<b>&amp;<i>', '%% comment', '`$(x)`', '\\N \\G', b'\xff\xfe'.decode(errors='surrogateescape'),
       'fünf – 五', '-dash', 'a' * 255]


def run(*arguments, env=None):
    if '--svg' in arguments:
        # The threads by which GIO runs another program; all of them are GLib's own, and its locks.
        env = {**os.environ, **(env or {}), 'TSAN_OPTIONS': 'report_bugs=0'}
    return subprocess.run([binary('FIFOCTL_BIN'), 'graph', *arguments], capture_output=True,
                          timeout=60, check=False, env=env)


def parse(dot):
    """What graphviz makes of it: nodes by name, with the lines of their label; edges."""
    outcome = subprocess.run(['dot', '-Tjson'], input=dot, capture_output=True, check=True,
                             timeout=60)
    assert outcome.stderr == b'', outcome.stderr
    graph = json.loads(outcome.stdout)
    objects = graph.get('objects', [])
    edges = [(objects[edge['tail']]['name'], objects[edge['head']]['name'], edge)
             for edge in graph.get('edges', [])]
    return {node['name']: node for node in objects}, edges, graph


def shown(name):
    """A name as it is shown: harmless text, in the way of message_safe()."""
    text = ''
    for byte in re.findall(rb'[\x00-\x1f\x7f]|[^\x00-\x1f\x7f]+', os.fsencode(name)):
        text += f'\\x{byte[0]:02x}' if len(byte) == 1 and byte[0] < 32 else byte.decode(
            errors='surrogateescape')
    return re.sub('[\udc80-\udcff]', lambda found: f'\\x{ord(found[0]) - 0xdc00:02x}', text)


class Graph(fifofs_test.TestCase):

    def setUp(self):
        super().setUp()
        self.mount = self.enterContext(Mount('allow_other,linger=1h'))
        self.path = self.mount.path

    def fifo(self, name):
        os.mkfifo(f'{self.path}/{name}')
        return f'{self.path}/{name}'

    def graph(self, *arguments):
        outcome = run(*(arguments or (self.path,)))
        self.assertEqual(outcome.returncode, OK, outcome.stderr)
        return parse(outcome.stdout)

    def test_pipeline_is_drawn_from_writer_to_reader(self):
        first, second = self.fifo('first'), self.fifo('second')
        keep = self.open(first, os.O_RDWR)
        middle = self.start(['sh', '-c', f'exec cat < {first} > {second}'], stderr=subprocess.DEVNULL)
        last = self.start(['cat', second], stdout=subprocess.DEVNULL)
        wait_until(lambda: len(self.graph()[1]) == 5, what='all to have opened their ends')
        nodes, edges, _ = self.graph()
        ids = {node['label'].split('\\n')[0]: name for name, node in nodes.items()}
        pairs = {(tail, head) for tail, head, _ in edges}
        test, one, two = f'p{os.getpid()}', ids[first], ids[second]
        self.assertEqual(pairs, {(test, one), (one, test), (one, f'p{middle.pid}'),
                                 (f'p{middle.pid}', two), (two, f'p{last.pid}')})
        self.assertIn(f'cat\\n{middle.pid} root', nodes[f'p{middle.pid}']['label'])
        self.assertEqual({nodes[one]['shape'], nodes[test]['shape']}, {'ellipse', 'box'})
        self.close(keep)

    def test_stuck_and_full_stand_out(self):
        stuck, full, half = self.fifo('stuck'), self.fifo('full'), self.fifo('half')
        reader = self.spawn(os.open, stuck, os.O_RDONLY)
        stuck_in_open(reader.pid)
        ends = [self.open(path, os.O_RDWR | os.O_NONBLOCK) for path in (full, half)]
        while fifofs_test.attempt(os.write, ends[0], b'x' * 4096) == 4096:
            pass
        os.write(ends[1], b'x' * 100)
        nodes, edges, _ = self.graph()
        by_path = {node['label'].split('\\n')[0]: node for node in nodes.values()}
        self.assertIn('full: 64K of 64K', by_path[full]['label'])
        self.assertIn('100 of 64K', by_path[half]['label'])
        looks = [{key: node.get(key) for key in ('color', 'fillcolor')}
                 for node in (by_path[stuck], by_path[full], by_path[half])]
        self.assertEqual(len({tuple(look.values()) for look in looks}), 3)
        edge, = [edge for _, head, edge in edges if head == f'p{reader.pid}' and 'label' in edge]
        self.assertRegex(edge['label'], r'\Astuck for \d+')
        self.assertEqual(edge['style'], 'dashed')
        for end in ends:
            self.close(end)

    def test_unused_ones_are_left_out_but_with_all(self):
        self.fifo('unused')
        self.assertEqual(self.graph()[0], {})
        self.assertEqual(len(self.graph('-a', self.path)[0]), 1)

    def test_process_on_many_is_one_box_and_o_path_is_faint(self):
        ends = [self.open(self.fifo(f'p{i}'), os.O_RDWR) for i in range(5)]
        ends.append(self.open(self.fifo('path'), os.O_PATH))
        nodes, edges, _ = self.graph()
        self.assertEqual(len([node for node in nodes.values() if node['shape'] == 'box']), 1)
        self.assertEqual(len(edges), 11)
        self.assertEqual([edge['style'] for *_, edge in edges if edge.get('label') == 'O_PATH'],
                         ['dotted'])
        for end in ends:
            self.close(end)

    def test_odd_names_stay_names(self):
        for name in ODD:
            self.fifo(name)
        nodes, edges, graph = self.graph('-a', self.path)
        self.assertEqual((len(nodes), edges), (len(ODD), []))
        labels = {node['label'].replace('\\\\', '\\').replace('\\"', '"').replace('&amp;', '&')
                  .rpartition('\\n')[0] for node in nodes.values()}
        self.assertEqual(labels, {shown(f'{self.path}/{name}') for name in ODD})
        lines = run('-a', '-f', 'mermaid', self.path).stdout.decode().splitlines()
        self.assertEqual(lines[0], 'flowchart LR')
        for line in lines[2:2 + len(ODD)]:
            self.assertRegex(line, r'\A  f\d+\(\["[^"`<>|\\]*<br>[^"`<>|\\]*"\]\)\Z')
        self.assertEqual(len(lines), 2 + len(ODD) + 2)

    def test_mermaid_says_the_same(self):
        both = self.open(self.fifo('both'), os.O_RDWR)
        reader = self.spawn(os.open, self.fifo('stuck'), os.O_RDONLY)
        stuck_in_open(reader.pid)
        text = run('-f', 'mermaid', self.path).stdout.decode()
        edges = set(re.findall(r'^  (\w+) (?:-->|-\.->\|"[^"]*"\|) (\w+)$', text, re.MULTILINE))
        drawn = {(tail, head) for tail, head, _ in self.graph()[1]}
        self.assertEqual(edges, drawn)
        self.assertIn(':::stuck', text)
        self.close(both)

    def test_svg_shows_names_as_they_are(self):
        names = ['a&amp;b', 'e&#27;f', 'i&#0;j', '&lt;']
        for name in names:
            self.fifo(name)
        picture = xml.etree.ElementTree.fromstring(run('-a', '--svg', '-', self.path).stdout)
        text = ''.join(picture.itertext())
        for name in names:
            self.assertIn(f'{self.path}/{name}', text)

    def test_svg_goes_into_what_is_no_file_and_behind_a_link(self):
        self.fifo('a')
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(folder + '/fifo')
            reader = self.spawn(lambda: len(pathlib.Path(folder, 'fifo').read_bytes()))
            self.assertEqual(run('-a', '--svg', folder + '/fifo', self.path).returncode, OK)
            self.assertGreater(reader.result(), 500)
            self.assertTrue(stat.S_ISFIFO(os.lstat(folder + '/fifo').st_mode))
            os.mknod(folder + '/null', 0o600 | stat.S_IFCHR, os.makedev(1, 3))
            self.assertEqual(run('-a', '--svg', folder + '/null', self.path).returncode, OK)
            self.assertTrue(stat.S_ISCHR(os.lstat(folder + '/null').st_mode))
            with open(folder + '/file', 'wb'):
                pass
            os.symlink('file', folder + '/link')
            self.assertEqual(run('-a', '--svg', folder + '/link', self.path).returncode, OK)
            self.assertTrue(os.path.islink(folder + '/link'))
            self.assertGreater(os.stat(folder + '/file').st_size, 500)

    def test_svg_is_written_whole_or_not_at_all(self):
        both = self.open(self.fifo('a"<b>&'), os.O_RDWR)
        with tempfile.TemporaryDirectory() as folder:
            target = folder + '/out.svg'
            self.assertEqual(run('--svg', target, self.path).returncode, OK)
            picture = xml.etree.ElementTree.parse(target).getroot()
            self.assertTrue(picture.tag.endswith('svg'))
            self.assertIn('a"<b>&', ''.join(picture.itertext()))
            xml.etree.ElementTree.fromstring(run('--svg', '-', self.path).stdout)
            before = os.stat(target)
            outcome = run('--svg', target, self.path, env={'PATH': '/nonexistent'})
            self.assertEqual(outcome.returncode, FAILED)
            self.assertRegex(outcome.stderr, rb'\Afifoctl: [^\n]*graphviz[^\n]*\n\Z')
            self.assertEqual(os.stat(target), before)
            outcome = run('--svg', folder + '/none/out.svg', self.path)
            self.assertEqual(outcome.returncode, FAILED)
            self.assertRegex(outcome.stderr, rb'\Afifoctl: [^\n]*\n\Z')
            self.assertEqual(os.listdir(folder), ['out.svg'])
        self.close(both)

    def test_other_user_is_told_what_he_does_not_see(self):
        both = self.open(self.fifo('private'), os.O_RDWR)
        as_user(USER_A, os.mkdir, self.path + '/secret', 0o700)
        as_user(USER_A, os.mkfifo, self.path + '/secret/s')
        outcome = as_user(USER_B, lambda: run('-a', self.path).stdout)
        nodes, edges, graph = parse(outcome)
        self.assertEqual(len(nodes), 1)
        self.assertRegex(graph['label'], r'may not be looked into: \d+')
        self.close(both)

    def test_wrong_usage_is_told(self):
        for words, text in ((['-f', 'png'], 'png'), (['-f', 'dot', '--svg', '/x'], '--svg')):
            outcome = run(*words, self.path)
            self.assertEqual(outcome.returncode, USAGE)
            self.assertRegex(outcome.stderr.decode(), rf'\Afifoctl: [^\n]*{text}[^\n]*\n\Z')
        self.assertEqual(run('/tmp').returncode, FAILED)


if __name__ == '__main__':
    fifofs_test.main()
