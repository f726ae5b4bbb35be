"""docs/performance.md and its plots, from the figures: `{topic: {row: {column: [a number for each round]}}}`."""

import json
import os
import statistics
import subprocess

from text import ABOUT, GROWN, GROWTH, HOW, IDLE, MAILBOXES, MAILBOXES_WHY, NOT_LARGEST, NOTICES, SUBMISSION, TOGETHER, WALK, WHY

RECEIVERS = ("Twoway", "Postfix", "Postfix and Dovecot", "OpenSMTPD", "OpenSMTPD, one session", "Exim", "Postfix, accepting only")
OURS, THEIRS = "Twoway to Twoway", "Postfix to Postfix"


def write(root, figures):
    """The page, and its plots beside the figures."""
    plots = os.path.join(root, "docs", "performance")
    page = Page(figures)
    text = "\n\n".join(part for part in (ABOUT, page.aims(), page.reception(), page.submission(), page.walk(), page.notices(), page.growth(), page.mailboxes(), HOW) if part)
    with open(os.path.join(root, "docs", "performance.md"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    for name, description in page.plots().items():
        drawn = subprocess.run([os.environ["TWOWAY_BENCH"], "plot"], input=json.dumps(description), capture_output=True, text=True, check=True)
        with open(os.path.join(plots, f"{name}.svg"), "w", encoding="utf-8") as file:
            file.write(drawn.stdout)


class Page:
    """The parts of the page. A topic that was not measured has none."""

    def __init__(self, figures):
        self.figures = figures

    def median(self, topic, row, column):
        """Of the rounds; none if it was not measured."""
        numbers = self.figures.get(topic, {}).get(row, {}).get(column)
        return statistics.median(numbers) if numbers else None

    def cell(self, topic, row, column, with_range=False):
        """The median, and the least and the most where there are several rounds."""
        numbers = self.figures.get(topic, {}).get(row, {}).get(column)
        if not numbers:
            return ""
        median = short(statistics.median(numbers))
        return f"{median} ({short(min(numbers))} to {short(max(numbers))})" if with_range and len(numbers) > 1 else median

    def ratio(self, topic, over, under, column):
        """How often the median of the one goes into that of the other."""
        return self.median(topic, over, column) / self.median(topic, under, column)

    def aims(self):
        """What the project aims at, and what was found."""
        if not all(topic in self.figures for topic in ("floor", "reception", "end to end")):
            return ""
        rows = [self.aim_accepting(), self.aim_accepting_kept(), self.aim_store(), *self.aims_cycle(), *self.aims_latency()]
        lines = ["## The aims", "", "| aim | found | reached |", "|---|---|---|"]
        lines += [f"| {aim} | {found} | {'yes' if reached else '**no**'} |" for aim, found, reached in rows]
        return "\n".join(lines) + "\n\n" + WHY

    def aim_accepting(self, suffix="", words="a connection for each message"):
        """Against Postfix into a Maildir, whose like our mailbox is; and against one that only accepts."""
        topic, column = "reception", "cpu_ms_per_message"
        mailbox = self.ratio(topic, f"Postfix{suffix}", f"Twoway{suffix}", column)
        alone = self.ratio(topic, f"Postfix, accepting only{suffix}", f"Twoway{suffix}", column)
        found = f"{mailbox:.1f} times as many as Postfix into a Maildir; {alone:.1f} times as many as Postfix that only accepts"
        return f"accepting, for a second of processor: 5 times as many messages as Postfix ({words})", found, mailbox >= 5

    def aim_accepting_kept(self):
        """The same with connections that are kept."""
        return self.aim_accepting(", connections kept", "connections kept")

    def aim_store(self):
        """Of the store's threads."""
        share = self.median("reception", "Twoway", "store_share")
        kept = self.median("reception", "Twoway, connections kept", "store_share")
        found = f"{share:.0%}; with connections kept, where there is less beside it, {kept:.0%}"
        return "the store's share of that: under a third", found, max(share, kept) < 1 / 3

    def aims_cycle(self):
        """Of both servers, from submission until everything is settled."""
        for how, words in (("16 sessions", "among many"), ("one at a time", "one message at a time")):
            ratio = self.ratio("end to end", f"{THEIRS}, {how}", f"{OURS}, {how}", "cpu_ms_per_message")
            ours, theirs = (self.cell("end to end", f"{who}, {how}", "cpu_ms_per_message") for who in (OURS, THEIRS))
            yield f"the whole cycle no dearer than Postfix to Postfix, {words}", f"{ours} ms of processor against {theirs}", ratio >= 1

    def aims_latency(self):
        """With the time until consent is decided, which is a delay on purpose, and without."""
        row, handshakes = f"{OURS}, one at a time", self.handshakes() * self.median("floor", "this machine", "handshake_ms")
        median = self.median("end to end", row, "traced_median_ms")
        for words, column in (("", "beyond_syncs_ms"), (", and beyond the delay before consent is decided", "beyond_syncs_and_decision_ms")):
            beyond = self.median("end to end", row, column) - handshakes
            rounds = sorted(number - handshakes for number in self.figures["end to end"][row][column])
            found = f"{short(beyond)} ms of {short(median)} ({short(rounds[0])} to {short(rounds[-1])}); {self.handshakes()} handshakes a message, {short(handshakes)} ms"
            yield f"submit to visible, median: under 20 ms beyond syncs and TLS{words}", found, beyond < 20

    def handshakes(self):
        """Of one message alone: the origin's server dials, and the destination's."""
        return round(self.median("end to end", f"{OURS}, one at a time", "connections_per_message"))

    def reception(self):
        """Mail from elsewhere."""
        if "reception" not in self.figures:
            return ""
        columns = {
            "accepted a second": "accepted_per_second",
            "processor for each, ms": "cpu_ms_per_message",
            "memory at its peak, MiB": "peak_mib",
            "octets to the disk for each accepted": "octets_per_octet",
            "syncs for each": "syncs_per_message",
        }
        tables = []
        for suffix, title in (("", "A connection for each message"), (", connections kept", "Connections kept")):
            shown = {words: column for words, column in columns.items() if any(self.cell("reception", row + suffix, column) for row in RECEIVERS)}
            lines = [f"{title}:", "", f"| | {' | '.join(shown)} | processor, ours = 1 |", "|---" * (len(shown) + 2) + "|"]
            for row in RECEIVERS:
                if row + suffix in self.figures["reception"]:
                    cells = [self.cell("reception", row + suffix, column, column in ("accepted_per_second", "cpu_ms_per_message")) for column in shown.values()]
                    ratio = self.ratio("reception", row + suffix, f"Twoway{suffix}", "cpu_ms_per_message")
                    lines.append(f"| {row} | {' | '.join(cells)} | {ratio:.1f} |")
            tables.append("\n".join(lines))
        return "\n\n".join([TOGETHER, *tables])

    def submission(self):
        """Mail of users."""
        if "submission" not in self.figures:
            return ""
        lines = [SUBMISSION, "", "| | accepted a second | processor for each, ms |", "|---|---|---|"]
        for row in self.figures["submission"]:
            lines.append(f"| {row} | {self.cell('submission', row, 'accepted_per_second', True)} | {self.cell('submission', row, 'cpu_ms_per_message', True)} |")
        return "\n".join(lines)

    def walk(self):
        """From submission to the mailbox of another server."""
        if "end to end" not in self.figures:
            return ""
        columns = {
            "median, ms": "median_ms",
            "99th percentile, ms": "p99_ms",
            "stored a second": "stored_per_second",
            "processor of both, ms a message": "cpu_ms_per_message",
            "... of the first": "cpu_ms_first",
            "... of the second": "cpu_ms_second",
            "memory of both at its peak, MiB": "peak_mib",
            "octets to the disks for each accepted": "octets_per_octet",
            "syncs a message, both": "syncs_per_message",
            "connections between them, a message": "connections_per_message",
            "ours: until the notice is recorded, ms": "noted_ms",
            "ours: until consent is decided, ms": "decided_ms",
            "ours: until it is retrieved and stored, ms": "retrieved_ms",
            "under strace: median, ms": "traced_median_ms",
            "... of which some sync is under way, ms": "waited_for_syncs_ms",
        }
        rows = [f"{who}, {how}" for how in ("one at a time", "16 sessions") for who in (OURS, THEIRS)]
        lines = [WALK, "", f"| | {' | '.join(rows)} |", "|---" * (len(rows) + 1) + "|"]
        for words, column in columns.items():
            cells = [self.cell("end to end", row, column, column.startswith(("median", "cpu_ms_per"))) for row in rows]
            lines.append(f"| {words} | {' | '.join(cells)} |")
        floor = f"A sync of 4 KiB takes {self.cell('floor', 'this machine', 'sync_ms', True)} ms here, a connection with a TLS handshake {self.cell('floor', 'this machine', 'handshake_ms', True)} ms."
        return "\n".join(lines) + "\n\n" + floor

    def notices(self):
        """Recorded, not decided."""
        if "notices" not in self.figures:
            return ""
        cells = [self.cell("notices", "Twoway", column, True) for column in ("per_second", "per_cpu_second")]
        return f"{NOTICES}\n\n| recorded a second | for a second of processor |\n|---|---|\n| {' | '.join(cells)} |"

    def growth(self):
        """By how much is stored."""
        if "growth" not in self.figures:
            return ""
        sizes = list(self.figures["growth"])
        columns = {
            "alone: submit to stored, median ms": "alone_median_ms",
            "... until the notice is recorded": "alone_noted_ms",
            "... until consent is decided": "alone_decided_ms",
            "... until it is retrieved and stored": "alone_retrieved_ms",
            "16 sessions: stored a second": "together_stored_per_second",
            "... processor of the origin, ms a message": "together_cpu_ms_first",
            "... processor of the destination, ms a message": "together_cpu_ms_second",
            "start of the origin, s": "origin_start_s",
            "start of the destination, s": "destination_start_s",
            "memory at rest: of the origin, MiB": "origin_rest_mib",
            "memory at rest: of the destination, MiB": "destination_rest_mib",
            "... of both at its peak, MiB": "together_peak_mib",
            "data directory of the origin, MiB": "origin_mib",
            "data directory of the destination, MiB": "destination_mib",
            "filling both further, from the size before, s": "filled_s",
            "`sent list` of one mailbox, s": "sent_s",
            "`queue list`, s": "queue_s",
            "`queue summary`, s": "summary_s",
            "`contacts list` of one mailbox, s": "contacts_s",
            "`allow list` of one mailbox, s": "allowed_s",
        }
        lines = [GROWTH, "", f"| messages that wait | {' | '.join(f'{int(size):,}' for size in sizes)} |", "|---" * (len(sizes) + 1) + "|"]
        entries = [self.median("growth", size, "entries") for size in sizes]
        lines.append(f"| allow entries | {' | '.join(f'{int(count):,}' for count in entries)} |")
        for words, column in columns.items():
            lines.append(f"| {words} | {' | '.join(self.cell('growth', size, column) for size in sizes)} |")
        return "\n".join(lines) + "\n\n" + (NOT_LARGEST if max(entries) < 10**7 else GROWN)

    def mailboxes(self):
        """By IMAP."""
        if "imap" not in self.figures:
            return ""
        rows = self.figures["imap"]
        titles = [row.removesuffix(", Twoway") for row in rows if row.endswith(", Twoway") and not row.startswith(("filling", "IDLE"))]
        lines = ["| | clock, s: Twoway | Dovecot | processor, s: Twoway | Dovecot | clock, ours = 1 | processor, ours = 1 |", "|---" * 7 + "|"]
        lines += [self.mailbox_row(title) for title in sorted(titles, key=lambda title: "first time" in title)]
        count = f"{self.median('imap', 'mailbox', 'messages'):,.0f}"
        parts = [MAILBOXES.format(count=count), "\n".join(lines), self.mailbox_verdict(titles)]
        idle = [row for row in rows if row.startswith("IDLE")]
        if idle:
            columns = {"connections": "connections", "memory for each, KiB": "kib_each", "processor to open each, ms": "cpu_ms_each", "all told after, s": "all_told_s"}
            lines = [IDLE, "", f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
            lines += [f"| {row.removeprefix('IDLE, ')} | {' | '.join(self.cell('imap', row, column) for column in columns.values())} |" for row in idle]
            parts.append("\n".join(lines))
        return "\n\n".join(parts)

    def mailbox_verdict(self, titles):
        """Against the aim, in words; and what it takes in memory."""
        slower = [title for title in titles if self.ratio("imap", f"{title}, Dovecot", f"{title}, Twoway", "seconds") < 1]
        dearer = [title for title in titles if self.ratio("imap", f"{title}, Dovecot", f"{title}, Twoway", "cpu_seconds") < 1]
        peaks = [max(number for title in titles for number in self.figures["imap"][f"{title}, {name}"].get("peak_mib", [0])) for name in ("Twoway", "Dovecot")]
        verdicts = [f"**not reached** for {'; '.join(rows)}" if rows else "reached" for rows in (slower, dearer)]
        return (
            f"The aim is to be at least equal on every row. By the clock: {verdicts[0]}. By processor time: {verdicts[1]}. "
            f"At their highest, the server had {short(peaks[0])} MiB in memory, and Dovecot's processes {short(peaks[1])}.\n\n{MAILBOXES_WHY}"
        )

    def mailbox_row(self, title):
        """One command, of both. What only one of them was asked has no ratio."""
        columns = ("seconds", "cpu_seconds")
        cells = [self.cell("imap", f"{title}, {name}", column, "first time" not in title) for column in columns for name in ("Twoway", "Dovecot")]
        ratios = []
        for column in columns:
            ours, theirs = (self.median("imap", f"{title}, {name}", column) for name in ("Twoway", "Dovecot"))
            ratios.append(f"{theirs / ours:.2f}" if ours and theirs else "")
        return f"| {title} | {' | '.join(cells + ratios)} |"

    def plots(self):
        """Descriptions for `bench plot`."""
        made = {}
        if "reception" in self.figures:
            rows = [row for row in RECEIVERS if row in self.figures["reception"] and "one session" not in row]
            series = []
            for suffix, name in (("", "a connection for each message"), (", connections kept", "connections kept")):
                points = [(self.median("reception", row + suffix, "cpu_ms_per_message"), number) for number, row in enumerate(reversed(rows))]
                series.append({"name": name, "points": points})
            made["reception"] = {
                "title": "Accepting 10 KiB: processor for each message",
                "x": {"label": "milliseconds of processor, user and kernel", "ticks": [0.1, 0.3, 1, 3, 10, 30]},
                "y": {"label": "", "ticks": [-0.5, len(rows) - 0.5]},
                "rows": rows[::-1],
                "series": series,
            }
        if "growth" in self.figures:
            made["growth"] = self.plot_growth()
        return made

    def plot_growth(self):
        """One line for each cost."""
        sizes = list(self.figures["growth"])
        lines = {
            "alone, submit to stored": "alone_median_ms",
            "... until the notice is recorded": "alone_noted_ms",
            "... until it is retrieved": "alone_retrieved_ms",
            "processor of the origin, among many": "together_cpu_ms_first",
            "processor of the destination, among many": "together_cpu_ms_second",
        }
        return {
            "title": "A message among what waits already",
            "x": {"label": "messages that wait at the origin, and notices at the destination (ten times as many entries)", "ticks": [float(size) for size in sizes]},
            "y": {"label": "milliseconds", "ticks": [0.3, 1, 3, 10, 30, 100, 300]},
            "series": [{"name": name, "points": [(float(size), self.median("growth", size, column)) for size in sizes]} for name, column in lines.items()],
        }


def short(number):
    """Three digits that count."""
    if number >= 100:
        return f"{number:,.0f}"
    if number < 0.1:
        return f"{number:.2g}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"
