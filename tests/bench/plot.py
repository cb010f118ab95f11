#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws what bench-fifofs --json has written: throughput.svg, ratios.svg and scale.svg."""

import argparse
import html
import json
import math
import pathlib
import re

WIDTH = 760
MARGIN = {'left': 250, 'right': 30, 'top': 60, 'bottom': 50}
COLOURS = {'tmpfs': '#7f8c8d', 'fifofs': '#1f77b4', 'passthrough': '#e67e22'}
WAYS = {'copy': ('write and read', ''), 'large': ('with capacity=1M', '2 3'),
        'splice': ('splice', '6 4')}
TYPICAL_COUNT = 1000
# What the drawing of scale shows, and how.
CALLS = {'stat': '#2ca02c', 'open-close': '#1f77b4', 'mkfifo': '#d62728', 'unlink': '#9467bd',
         'rename': '#8c564b', 'readdir': '#17becf'}


class Drawing:
    """An SVG under construction."""

    def __init__(self, width, height, title, subtitle):
        self.size = width, height
        self.parts = []
        self.text(width / 2, 24, title, size=16, anchor='middle')
        self.text(width / 2, 42, subtitle, size=11, anchor='middle', colour='#666')

    def text(self, x, y, text, size=12, anchor='start', colour='#222'):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
                          f'text-anchor="{anchor}">{html.escape(text)}</text>')

    def line(self, points, colour, width=1.0, dashes=''):
        path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                          f'stroke-width="{width}" stroke-dasharray="{dashes}"/>')

    def dot(self, x, y, colour):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')

    def bar(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height:.1f}" fill="{colour}"/>')

    def write(self, path):
        width, height = self.size
        path.write_text('\n'.join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *self.parts, '</svg>', '']), encoding='utf-8')


class LogScale:
    """Numbers to places on an axis, each doubling the same way long."""

    def __init__(self, lowest, highest, start, end):
        self.low, self.high = math.log2(lowest), math.log2(highest)
        self.start, self.end = start, end

    def __call__(self, number):
        part = (math.log2(number) - self.low) / ((self.high - self.low) or 1)
        return self.start + part * (self.end - self.start)

    def ticks(self, base):
        step = math.log2(base)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [base ** power for power in range(first, last + 1)]


def size_text(size):
    for unit, name in ((1 << 20, 'MiB'), (1 << 10, 'KiB')):
        if size >= unit:
            return f'{size // unit} {name}'
    return f'{size} B'


def subtitle(run, placement):
    where = {'pinned': 'all processes on one processor'}.get(placement, 'processes placed freely')
    return (f'{where}; Linux {run["kernel"]}, {run["processors"]} processors, '
            f'medians of {run["rounds"]} samples')


def choose_placement(run, wanted, usual):
    there = {row['placement'] for row in run['results']}
    if wanted is None:
        return usual if usual in there else 'free'
    if wanted not in there:
        raise SystemExit(f'plot.py: nothing was measured {wanted}')
    return wanted


def throughput_lines(rows):
    """{(way, target): [(block size, MiB/s), ...]}"""
    lines = {}
    for row in rows:
        match = re.fullmatch(r'(copy|large|splice)-(\d+)', row['name'])
        for target, cell in row['targets'].items() if match else ():
            # Elsewhere than on fifofs a capacity is not to be had.
            if cell['median'] is not None and (match[1] != 'large' or target == 'fifofs'):
                point = int(match[2]), cell['median']
                lines.setdefault((match[1], target), []).append(point)
    return {key: sorted(points) for key, points in lines.items()}


def draw_axes(drawing, across, up, sizes):
    for size in sorted(set(sizes)):
        x = across(size)
        drawing.line([(x, up.start), (x, up.end)], '#eee')
        drawing.text(x, up.start + 18, size_text(size), anchor='middle')
    for rate in up.ticks(2):
        y = up(rate)
        drawing.line([(across.start, y), (across.end, y)], '#eee')
        drawing.text(across.start - 8, y + 4, f'{rate:g}', anchor='end')
    drawing.text(across.start - 8, up.end - 14, 'MiB/s', anchor='end')
    drawing.text((across.start + across.end) / 2, up.start + 38, 'block size', anchor='middle')


def draw_throughput(run, rows, placement):
    height = 420
    lines = throughput_lines(rows)
    points = [point for line in lines.values() for point in line]
    if not points:
        return None
    sizes, rates = zip(*points)
    across = LogScale(min(sizes), max(sizes), 80, WIDTH - 220)
    up = LogScale(2 ** math.floor(math.log2(min(rates))), 2 ** math.ceil(math.log2(max(rates))),
                  height - MARGIN['bottom'], MARGIN['top'] + 12)
    drawing = Drawing(WIDTH, height, 'Throughput of one FIFO', subtitle(run, placement))
    draw_axes(drawing, across, up, sizes)
    for number, ((way, target), line) in enumerate(sorted(lines.items())):
        name, dashes = WAYS[way]
        path = [(across(size), up(rate)) for size, rate in line]
        drawing.line(path, COLOURS[target], 2, dashes)
        for x, y in path:
            drawing.dot(x, y, COLOURS[target])
        y = MARGIN['top'] + 20 + 20 * number
        drawing.line([(WIDTH - 200, y), (WIDTH - 170, y)], COLOURS[target], 2, dashes)
        drawing.text(WIDTH - 162, y + 4, f'{target}, {name}', size=11)
    return drawing


def ratio_label(row):
    if row['fifos'] is None:
        return row['title']
    return f'{row["title"]} [{row["fifos"]:,}]'


def is_typical(row):
    """What does not depend on how many FIFOs there are, and the rest with one number of them."""
    return row['fifos'] in (None, TYPICAL_COUNT) and not row['name'].startswith('clear-')


def draw_ratio_scale(drawing, across, top, bottom):
    for ratio in across.ticks(2):
        x = across(ratio)
        drawing.line([(x, top), (x, bottom)], '#444' if ratio == 1 else '#eee')
        label = f'{ratio:g}' if ratio >= 1 else f'1/{1 / ratio:g}'
        drawing.text(x, bottom + 18, label, size=11, anchor='middle')
    drawing.text((across.start + across.end) / 2, bottom + 38,
                 'fifofs compared: right of 1 it is better; [FIFOs in the directory]',
                 size=11, anchor='middle')


def draw_ratio_legend(drawing):
    x = MARGIN['left']
    for target in ('tmpfs', 'passthrough'):
        drawing.bar(x, 50, 12, 10, COLOURS[target])
        drawing.text(x + 18, 59, f'with {target}', size=11)
        x += 130


def draw_ratios(run, rows, placement):
    rows = [row for row in rows if any(row['ratios'].values()) and is_typical(row)]
    ratios = [ratio for row in rows for ratio in row['ratios'].values() if ratio]
    if not ratios:
        return None
    line_height, top = 26, MARGIN['top'] + 10
    bottom = top + line_height * len(rows)
    # A tick on either side even where all are near 1.
    across = LogScale(min(0.5, 2 ** math.floor(math.log2(min(ratios)))),
                      max(2, 2 ** math.ceil(math.log2(max(ratios)))),
                      MARGIN['left'], WIDTH - MARGIN['right'])
    drawing = Drawing(WIDTH, bottom + MARGIN['bottom'], 'fifofs, tmpfs and passthrough FUSE',
                      subtitle(run, placement))
    draw_ratio_legend(drawing)
    draw_ratio_scale(drawing, across, top, bottom)
    for number, row in enumerate(rows):
        y = top + line_height * number
        drawing.text(MARGIN['left'] - 8, y + 17, ratio_label(row), size=11, anchor='end')
        for offset, (target, ratio) in zip((3, 13), row['ratios'].items()):
            if ratio:
                left, right = sorted((across(1), across(ratio)))
                drawing.bar(left, y + offset, max(right - left, 1), 9, COLOURS[target])
    return drawing


def scale_lines(rows):
    """{(call, target): [(FIFOs, ns), ...]}"""
    lines = {}
    for row in rows:
        if row['name'] not in CALLS or row['shape'] != 'flat':
            continue
        for target in ('tmpfs', 'fifofs'):
            median = row['targets'][target]['median']
            if median is not None and (row['name'] != 'readdir' or row['fifos'] > 1):
                lines.setdefault((row['name'], target), []).append((row['fifos'], median))
    return {key: sorted(points) for key, points in lines.items()}


def draw_scale_axes(drawing, across, up, counts):
    for count in sorted(set(counts)):
        x = across(count)
        drawing.line([(x, up.start), (x, up.end)], '#eee')
        drawing.text(x, up.start + 18, f'{count:,}', anchor='middle')
    for nsec in up.ticks(10):
        y = up(nsec)
        drawing.line([(across.start, y), (across.end, y)], '#eee')
        drawing.text(across.start - 8, y + 4, f'{nsec / 1000:g}', anchor='end')
    drawing.text(across.start - 8, up.end - 14, 'µs', anchor='end')
    drawing.text((across.start + across.end) / 2, up.start + 38,
                 'FIFOs in the directory; dashed: tmpfs', anchor='middle')


def draw_scale(run, rows, placement):
    lines = scale_lines(rows)
    points = [point for line in lines.values() for point in line]
    if len({count for count, _ in points}) < 3:
        return None
    height = 420
    counts, times = zip(*points)
    across = LogScale(min(counts), max(counts), 80, WIDTH - 160)
    up = LogScale(10 ** math.floor(math.log10(min(times))), 10 ** math.ceil(math.log10(max(times))),
                  height - MARGIN['bottom'], MARGIN['top'] + 12)
    drawing = Drawing(WIDTH, height, 'Calls beside many FIFOs', subtitle(run, placement))
    draw_scale_axes(drawing, across, up, counts)
    for (call, target), line in lines.items():
        path = [(across(count), up(nsec)) for count, nsec in line]
        drawing.line(path, CALLS[call], 2, '' if target == 'fifofs' else '5 4')
    for number, (call, colour) in enumerate(CALLS.items()):
        y = MARGIN['top'] + 20 + 20 * number
        drawing.line([(WIDTH - 140, y), (WIDTH - 110, y)], colour, 2)
        drawing.text(WIDTH - 102, y + 4, call, size=11)
    return drawing


# How each is drawn, and of which placement unless one is asked for.
DRAWINGS = {
    'throughput': (draw_throughput, 'free'),
    'ratios': (draw_ratios, 'pinned'),
    'scale': (draw_scale, 'pinned'),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('json', type=pathlib.Path)
    parser.add_argument('folder', type=pathlib.Path, help='where the drawings go')
    parser.add_argument('--placement', choices=('free', 'pinned'),
                        help='the default is free for throughput, else pinned where measured')
    arguments = parser.parse_args()
    run = json.loads(arguments.json.read_text(encoding='utf-8'))
    for name, (draw, usual) in DRAWINGS.items():
        placement = choose_placement(run, arguments.placement, usual)
        rows = [row for row in run['results'] if row['placement'] == placement]
        drawing = draw(run, rows, placement)
        if drawing is not None:
            drawing.write(arguments.folder / f'{name}.svg')


if __name__ == '__main__':
    main()
