"""A result as a picture: cycles per packet of each case and system, with the range of its rounds (SVG)."""

import html

from . import report

# Of Weft, of the ceiling, of peers in their order; distinguishable without colours by the labels.
FILLS = {"weft": "#1f77b4", "testpmd": "#bbbbbb"}
PEER_FILLS = ("#ff7f0e", "#ffbb78", "#e6550d", "#fdae6b")

LEFT, RIGHT, BAR, GAP, HEAD = 130, 720, 14, 16, 40
WIDTH = RIGHT + 150


def svg(result):
    """The picture's text."""
    most = max(
        (row["cycles"]["max"] for case in result["cases"] for row in case["systems"].values()), default=1)

    def at(cycles):
        return LEFT + cycles / most * (RIGHT - LEFT)
    parts, y = [], HEAD
    for case in result["cases"]:
        parts.append(_text(8, y + 11, report.name_of(case), "bold"))
        y += BAR + 4
        peers = 0
        for label, row in case["systems"].items():
            fill = FILLS.get(row["system"], PEER_FILLS[peers % len(PEER_FILLS)])
            peers += row["system"] not in FILLS
            parts += _bar(y, label, row, fill, at)
            y += BAR + 2
        y += GAP
    title = f"cycles per packet (less is better), {result['machine']['cpu']}, {result['date'][:10]}"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>', _text(8, 20, title, "bold"), *parts, "</svg>", ""])


def _bar(y, label, row, fill, at):
    cycles = row["cycles"]
    middle = y + BAR / 2
    note = f"{cycles['median']:.0f}" + (" VOID" if row["faults"] else f", {row['mpps']['median']:.2f} Mpps")
    return [
        _text(16, y + 11, label),
        f'<rect x="{LEFT}" y="{y}" width="{at(cycles["median"]) - LEFT:.1f}" height="{BAR}" fill="{fill}"/>',
        f'<path d="M{at(cycles["min"]):.1f} {middle}H{at(cycles["max"]):.1f}" stroke="black"/>',
        _text(at(cycles["max"]) + 6, y + 11, note)]


def _text(x, y, text, weight="normal"):
    return f'<text x="{x:.0f}" y="{y:.0f}" font-weight="{weight}">{html.escape(text)}</text>'
