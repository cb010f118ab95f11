# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a Markdown guide tells the reader to do, and what it says the reader will see.

A recipe is what is below a "##" heading. Its fenced blocks, by the words behind the fence, of which
GitHub heeds only the first:

    console                     A session: commands behind prompts, and what they show. "$" is the
                                user "you", "#" is root, "ada@desk$" is ada. "> " goes on with the
                                command before.
    console needs="COMMAND"     The same, left out where the command fails.
    LANGUAGE file=PATH          What is to be in that file.
    ANYTHING not-run="REASON"   Not run, and why.

What is shown stands for what commands write, but that machines and days differ:

    ...             anything; alone in a line any number of lines
    12345           a number of five digits any number: a process
    10s             a duration, behind a blank, any duration
    Nov 23 08:05    any date and time; 08:05:10.123 any time of day
    blanks          any blanks, and those at the end of a line count for nothing
"""

import dataclasses
import re

_FENCE = re.compile(r'```(.*)$')
_ATTRIBUTE = re.compile(r'([a-z-]+)=(?:"([^"]*)"|(\S+))')
_PROMPT = re.compile(r'(?:([a-z]+)@[a-z]+)?([$#]) (.*)$')
_MONTH = r'(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)'
_DURATION = r'(?:\d+(?:ms|s|min|h|d))+'

# Where the guide has the first, anything that the second matches will do.
_PLACEHOLDERS = [
    (r'\.\.\.', r'.*'),
    (rf'{_MONTH} [ \d]\d \d\d:\d\d', rf'{_MONTH} [ \d]\d \d\d:\d\d'),
    (r'\d\d:\d\d:\d\d\.\d{3}', r'\d\d:\d\d:\d\d\.\d{3}'),
    (r'(?<!\d)[1-9]\d{4}(?!\d)', r'[1-9]\d*'),
    (rf'(?<=\s){_DURATION}\b', _DURATION),
    (r'[ \t]+', r'[ \t]+'),
]
_ANY_PLACEHOLDER = re.compile('|'.join(f'({seen})' for seen, _ in _PLACEHOLDERS))


class Unclear(Exception):
    """The guide has something that the rules above do not cover."""


@dataclasses.dataclass
class Step:
    """A command, by whom it is given, and the lines that it shows."""
    user: str
    command: str
    shown: list


@dataclasses.dataclass
class Block:
    """A fenced block: its language, its attributes, its lines and the number of the first one."""
    language: str
    attributes: dict
    line: int
    lines: list = dataclasses.field(default_factory=list)

    def steps(self):
        """The Steps of a session."""
        steps = []
        for text in self.lines:
            prompt = _PROMPT.match(text)
            if prompt:
                name, sign, command = prompt.groups()
                steps.append(Step(name or ('root' if sign == '#' else 'you'), command, []))
            elif not steps:
                raise Unclear(f'line {self.line}: a session begins with a prompt')
            elif text.startswith('> ') and not steps[-1].shown:
                steps[-1].command += '\n' + text[2:]
            else:
                steps[-1].shown.append(text)
        return steps

    def check(self):
        """Raise Unclear unless it is clear what is to be done with the block."""
        unknown = set(self.attributes) - {'needs', 'file', 'not-run'}
        if unknown:
            raise Unclear(f'line {self.line}: unknown: {", ".join(unknown)}')
        if 'not-run' in self.attributes:
            if len(self.attributes['not-run'].split()) < 3:
                raise Unclear(f'line {self.line}: not-run wants a reason')
        elif self.language == 'console':
            self.steps()
        elif 'file' not in self.attributes:
            raise Unclear(f'line {self.line}: neither run, nor a file, nor marked as not-run')


def _block(words, line):
    language, _, rest = words.partition(' ')
    if _ATTRIBUTE.sub('', rest).strip():
        raise Unclear(f'line {line}: cannot read what is behind the fence: {rest}')
    found = {name: quoted or plain for name, quoted, plain in _ATTRIBUTE.findall(rest)}
    return Block(language, found, line)


def read(text):
    """The recipes of a guide: {heading: [Block]}, in their order."""
    recipes, blocks, block = {}, [], None
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and block is None:
            block = _block(fence[1].strip(), number)
            blocks.append(block)
        elif fence:
            block = None
        elif block is not None:
            block.lines.append(line)
        elif line.startswith('## '):
            blocks = recipes.setdefault(line[3:].strip(), [])
        elif line.startswith(('    ', '\t', '~~~')) or '```' in line:
            raise Unclear(f'line {number}: only blocks between ``` can be checked')
    if block is not None:
        raise Unclear(f'line {block.line}: the block has no end')
    return recipes


def sessions(text, heading):
    """The sessions below one heading of a text whose blocks are indented, and not marked at all.

    A prompt with nothing behind it shows that nothing was written.
    """
    blocks, indented = [], False
    section = text.partition(f'\n## {heading}\n')[2].partition('\n## ')[0]
    for number, line in enumerate(section.splitlines(), 1):
        if line.startswith('    ') and not indented:
            blocks.append(Block('console', {}, number))
        indented = line.startswith('    ')
        if indented and line.strip() not in ('$', '#'):
            blocks[-1].lines.append(line[4:])
    return [block for block in blocks if _PROMPT.match(block.lines[0])]


def _pattern_of_line(line):
    pattern, at = '', 0
    for found in _ANY_PLACEHOLDER.finditer(line):
        pattern += re.escape(line[at:found.start()])
        pattern += _PLACEHOLDERS[found.lastindex - 1][1]
        at = found.end()
    return pattern + re.escape(line[at:]) + r'[ \t]*\n'


def shows(shown, written):
    """Whether the lines that a guide shows stand for what a command has written."""
    pattern = ''.join(r'(?:.*\n)*' if line.strip() == '...' else _pattern_of_line(line.rstrip())
                      for line in shown)
    if written and not written.endswith('\n'):
        written += '\n'
    return re.fullmatch(pattern, written) is not None
